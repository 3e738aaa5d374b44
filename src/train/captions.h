// The words of a picture: files beside it, or rows of a list.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace newbie {

// Rows of every .jsonl in one folder: file name -> caption. Error{BadFile} names the line that is wrong.
std::map<std::string, std::string> caption_rows(const std::filesystem::path& folder);

struct TrainingCaption {
  std::string text;
  bool latin1 = false;  // its bytes are not UTF-8 and were read as Latin-1, as the official trainer does
};

// See Dataset. Nothing when there are no words.
std::optional<TrainingCaption> training_caption(const std::filesystem::path& picture,
                                                const std::map<std::string, std::string>& rows);

}  // namespace newbie
