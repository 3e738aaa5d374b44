#include "train/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace newbie {

FolderLock::FolderLock(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(ErrorKind::BadFile, "{}: {}", folder.string(), error.message());
  const std::filesystem::path path = folder / ".lock";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) fail(ErrorKind::BadFile, "{}: {}", path.string(), std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    ::close(file_);
    if (why == EWOULDBLOCK)
      throw Error(ErrorKind::InvalidRequest, fmt::format("{} is in use by another training run", folder.string()),
                  "Give this run another output_dir, or wait for the other.");
    fail(ErrorKind::BadFile, "{}: {}", path.string(), std::strerror(why));
  }
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace newbie
