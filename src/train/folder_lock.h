// One run a folder: a lock that ends with the process, however it ends.
#pragma once

#include <filesystem>

namespace newbie {

class FolderLock {
 public:
  // Makes the folder. Error{InvalidRequest} when another process holds it, Error{BadFile} when it cannot be had.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace newbie
