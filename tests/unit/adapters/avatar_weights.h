// The embedded model's transformer and Gemma encoder as adapters see them.
#pragma once

#include "adapters/adapter.h"
#include "models/gemma3/names.h"
#include "models/next_dit/names.h"
#include "support/golden.h"
#include "weights/open_weights.h"

namespace newbie::test {

struct AvatarWeights {
  WeightStore transformer, text_encoder;
  AdapterBase base;

  AvatarWeights() {
    fill(transformer, avatar_path() / "transformer", next_dit_names);
    fill(text_encoder, avatar_path() / "text_encoder", gemma3_names);
    const ConfigSource source{
        .shape = [this](const std::string& name) -> std::optional<Shape> {
          const auto spec = transformer.find(name);
          return spec ? std::optional(spec->shape) : std::nullopt;
        },
        .json = parse_json(read_file(avatar_path() / "transformer" / "config.json", 1 << 20), "config"),
        .where = "avatar"};
    base = adapter_base(transformer, next_dit_config(source), &text_encoder);
  }

  DerivedTensor weight(AdapterPart part, const std::string& name) const {
    return (part == AdapterPart::Transformer ? transformer : text_encoder).tensor(name);
  }

 private:
  template <typename Names>
  static void fill(WeightStore& store, const std::filesystem::path& folder, const Names& names) {
    const OpenedWeights files = open_weights(folder);
    for (const MappedName& name : names(files.keys(), folder.string()).names)
      store.add(name.canonical, *files.find(name.file_key));
  }
};

inline const AvatarWeights& avatar_weights() {
  static const AvatarWeights weights;
  return weights;
}

}  // namespace newbie::test
