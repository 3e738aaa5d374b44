// Reading a request back from what a picture says, ours and those of other programs (recall/programs.h).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "generate/text_to_image.h"
#include "image/picture_file.h"

namespace newbie {

struct Recollection {
  // What it was read from: "newbie", "parameters" (A1111's form), "prompt" or "workflow" (ComfyUI), or a program's
  // name.
  std::string source;
  // Fields of a request, and "dtype" and "precision" of the engine, with their values in words (value_of_words). One
  // that is a list of adapters comes once for each; a picture names no path.
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::string> notes;   // what was said and could not be taken over
  TextToImage::Fingerprints parts;  // empty where the text does not tell
  std::string precision_policy;     // PrecisionPolicy::hash
  std::string init_image, mask;     // picture_hash of what it was drawn from; empty: from noise

  const std::string* find(std::string_view field) const;
};

// From the text that says most: ours, then those of programs with a text of their own, A1111's, ComfyUI's. Nothing when
// no text is known. Error{BadFile}, opened by `where`, when the text is damaged; Error{Unsupported} for settings in
// JSON of a program that is not known.
std::optional<Recollection> recall(std::span<const TextChunk> texts, std::string_view where);

// The same for such a text by itself, as people save or paste it: A1111's form or any of the JSONs.
std::optional<Recollection> recall_text(std::string_view text, std::string_view where);

// What was read back, for the JSON of a request; and apart from it, in words, settings of the engine. `on_error` is
// told of words that are no value of their field, which is left out.
struct RecalledFields {
  OrderedJson request = OrderedJson::object(), engine = OrderedJson::object();
};
RecalledFields recalled_fields(const Recollection& recalled, const std::function<void(const Error&)>& on_error);

}  // namespace newbie
