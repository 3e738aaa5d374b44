// What a picture says of its making: our JSON, A1111's text, ComfyUI's graphs, and others'. The first byte says which.
#include "generate/recall.h"

#include "fuzz/target.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr const char* kKeys[] = {"newbie", "parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata"};
  const std::string text(fuzz::text_of(data + 1, size - 1));
  const auto kinds = {ErrorKind::BadFile, ErrorKind::Unsupported};
  std::optional<Recollection> said;
  fuzz::survives(kinds, [&] {
    if (data[0] % 8 == 7) {
      said = recall_text(text, "fuzz");
    } else {
      const TextChunk chunk{kKeys[data[0] % 8 % std::size(kKeys)], text};
      said = recall(std::span(&chunk, 1), "fuzz");
    }
  });
  if (!said) return 0;
  for (const auto& [field, value] : said->fields)
    fuzz::require(field.find("model") == field.npos && field != "output", "a picture names no path");
  return 0;
}
