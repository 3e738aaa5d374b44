// Reading a request back from the texts of a picture: ours, A1111's and ComfyUI's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "generate/text_to_image.h"
#include "image/picture_file.h"

namespace newbie {

struct Recollection {
  std::string source;  // "newbie", "parameters" (A1111), "prompt" or "workflow" (ComfyUI): the text it was read from
  // Fields of a request, and "dtype" and "precision" of the engine, with their values in words (value_of_words). One
  // that is a list of adapters comes once for each; a picture names no path.
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::string> notes;   // what was said and could not be taken over
  TextToImage::Fingerprints parts;  // empty where the text does not tell
  std::string precision_policy;     // PrecisionPolicy::hash
  std::string init_image, mask;     // picture_hash of what it was drawn from; empty: from noise

  const std::string* find(std::string_view field) const;
};

// From the text that says most: ours, then A1111's, then ComfyUI's. Nothing when no text is known. Error{BadFile},
// opened by `where`, when the text is damaged.
std::optional<Recollection> recall(std::span<const TextChunk> texts, std::string_view where);

// The same for a file that is such a JSON itself: a request of ours, or a workflow saved from ComfyUI.
std::optional<Recollection> recall_json(std::string_view text, std::string_view where);

}  // namespace newbie
