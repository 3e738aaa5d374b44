// What a model says it knows: known.json in its folder (docs/files.md, "What a model knows"). Small models know few
// words and sizes; whoever asks for others should hear it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "generate/request.h"

namespace newbie {

struct KnownThings {
  std::vector<PictureSize> sizes;                                       // it was trained on; empty: not said
  std::vector<std::pair<std::string, std::vector<std::string>>> words;  // by kind: tags in small letters with "_"
};

// Nothing when there is no such file. Error{BadFile} when it is damaged.
std::optional<KnownThings> read_known(const std::filesystem::path& model_folder);

// Tags of a prompt (between commas or in elements, of at most three words) that are not among the words; in their
// order, each once. Sentences are not looked into.
std::vector<std::string> unknown_tags(const KnownThings& known, std::string_view prompt);

// Sentences about what the model does not know of the request, whose pictures have this size.
std::vector<std::string> notes_on_known(const KnownThings& known, const GenerateRequest& request, PictureSize size);

}  // namespace newbie
