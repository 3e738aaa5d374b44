// config.json of any part: the parser, and the four networks' configurations on top of the embedded model's shapes.
#include "models/flux_vae/config.h"

#include "core/json.h"
#include "fuzz/target.h"
#include "models/flux_vae/names.h"
#include "models/gemma3/config.h"
#include "models/gemma3/names.h"
#include "models/jina_clip/config.h"
#include "models/jina_clip/names.h"
#include "models/next_dit/config.h"
#include "models/next_dit/names.h"
#include "weights/open_weights.h"

using namespace newbie;

namespace {

using Shapes = std::map<std::string, Shape>;

Shapes shapes_of(const char* part, NameMap (*names)(std::span<const std::string>, std::string_view)) {
  const std::string path = std::string(NEWBIE_SOURCE_DIR "/models/avatar/") + part;
  const OpenedWeights files = open_weights(path);
  Shapes shapes;
  for (const MappedName& name : names(files.keys(), path).names)
    shapes.emplace(name.canonical, files.find(name.file_key)->spec().shape);
  return shapes;
}

ConfigSource source(const Shapes& shapes, const Json& json) {
  return {.shape = [&shapes](const std::string& name) -> std::optional<Shape> {
            const auto it = shapes.find(name);
            return it == shapes.end() ? std::nullopt : std::optional(it->second);
          },
          .json = json,
          .where = "fuzz"};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Shapes dit = shapes_of("transformer", next_dit_names), gemma = shapes_of("text_encoder", gemma3_names),
                      vae = shapes_of("vae", flux_vae_names),
                      jina = shapes_of("clip_model", [](std::span<const std::string> keys, std::string_view where) {
                        return jina_clip_names(keys, where).map;
                      });
  const std::string_view text = fuzz::text_of(data, size);
  Json json;
  const auto kinds = {ErrorKind::BadFile, ErrorKind::Unsupported};
  const bool ordered = fuzz::survives({ErrorKind::BadFile}, [&] { parse_ordered_json(text, "fuzz"); });
  const bool plain = fuzz::survives({ErrorKind::BadFile}, [&] { json = parse_json(text, "fuzz"); });
  fuzz::require(ordered == plain, "both parsers take the same texts");
  if (!plain) return 0;
  fuzz::survives(kinds, [&] { next_dit_config(source(dit, json)); });
  fuzz::survives(kinds, [&] { gemma3_config(source(gemma, json)); });
  fuzz::survives(kinds, [&] { jina_text_config(source(jina, json)); });
  fuzz::survives(kinds, [&] { jina_adapter_scale(json, "fuzz"); });
  fuzz::survives(kinds, [&] { flux_vae_config(source(vae, json)); });
  return 0;
}
