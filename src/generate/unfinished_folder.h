// A folder that is written file by file. A mark lies in it until all of them are there, so that the next run may write
// over what a killed one has left.
#pragma once

#include <filesystem>

namespace newbie {

// Whether a run has begun to write this folder and not come to its end.
bool is_unfinished(const std::filesystem::path& folder);

// Makes the folder, with the mark. Error{BadFile} when that is not possible.
void begin_folder(const std::filesystem::path& folder);

// Takes the mark away.
void finish_folder(const std::filesystem::path& folder);

// Error{InvalidRequest} when `file` is there already and its `folder` is not unfinished.
void require_new_file(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace newbie
