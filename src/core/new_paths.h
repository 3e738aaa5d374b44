// What is written and must not stay behind when the writing comes to no end: a write of several files, or into folders
// that were missing. One file by itself is AtomicFile's (files.h).
#pragma once

#include <filesystem>
#include <vector>

namespace newbie {

// Files and folders that are gone again with this object, in the other order, unless they are kept. A folder that
// somebody else has put something into stays.
class NewPaths {
 public:
  NewPaths() = default;
  ~NewPaths();
  NewPaths(const NewPaths&) = delete;
  NewPaths& operator=(const NewPaths&) = delete;

  // Makes the folder, with those above it; of them, the missing ones are new. Error{BadFile} when it cannot be.
  void make_folder(const std::filesystem::path& folder);
  // Before `file` is written, into a folder that is there: it is new if it is not there now.
  void add(const std::filesystem::path& file);
  void add_over(const std::filesystem::path& file);  // is new, whatever is there
  void keep() { made_.clear(); }

 private:
  std::vector<std::filesystem::path> made_;  // in order
};

}  // namespace newbie
