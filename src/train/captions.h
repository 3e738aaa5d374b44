// The words of a picture: files beside it, or rows of a list.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace newbie {

// Rows of every .jsonl in one folder: file name -> caption. Error{BadFile} names the line that is wrong.
std::map<std::string, std::string> caption_rows(const std::filesystem::path& folder);

// See Dataset. Nothing when there are no words. Bytes that are not UTF-8 are read as Latin-1, as the official trainer
// does.
std::optional<std::string> training_caption(const std::filesystem::path& picture,
                                            const std::map<std::string, std::string>& rows);

}  // namespace newbie
