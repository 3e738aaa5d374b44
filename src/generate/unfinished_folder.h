// A folder that is written file by file. A mark lies in it until all of them are there, so that the next run may write
// over what a killed one has left.
#pragma once

#include <filesystem>

#include "core/new_paths.h"

namespace newbie {

// Whether a run has begun to write this folder and not come to its end.
bool is_unfinished(const std::filesystem::path& folder);

// Writing such a folder. Whoever stops before finish(), by an error or by choice, leaves nothing of it behind; whoever
// is killed leaves the mark.
class FolderInProgress {
 public:
  // Makes the folder, with the mark. Error{BadFile} when that is not possible.
  explicit FolderInProgress(std::filesystem::path folder);

  // Before `file`, in it, is written: makes the folders in between. Errors as above.
  void add(const std::filesystem::path& file);
  void finish();  // takes the mark away

 private:
  std::filesystem::path folder_;
  NewPaths made_;
};

// Error{InvalidRequest} when `file` is there already and its `folder` is not unfinished.
void require_new_file(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace newbie
