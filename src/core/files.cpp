#include "core/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "core/append_file.h"
#include "core/checked.h"
#include "core/error.h"
#include "core/machine.h"
#include "core/mapping_table.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

struct Hook {
  FileFaultHook call;
  std::atomic<size_t> sequence{0};
};
std::mutex hook_mutex;
std::shared_ptr<Hook> installed_hook;        // guarded by hook_mutex
std::atomic<bool> hook_is_installed{false};  // so that a program without a hook never takes the lock

// True when the test hook wants the coming call to fail; errno is set as the failed call would.
bool refused(const char* operation) {
  if (!hook_is_installed.load(std::memory_order_acquire)) return false;
  std::shared_ptr<Hook> hook;
  {
    const std::lock_guard lock(hook_mutex);
    hook = installed_hook;
  }
  if (hook == nullptr || hook->call(hook->sequence++, operation)) return false;
  errno = EIO;
  return true;
}

const char* hint_for(int code, bool writing) {
  switch (code) {
    case ENOSPC:
    case EDQUOT: return "the disk is full: free some space, or write to another disk";
    case EACCES:
    case EPERM: return "check the permissions of the file and of its folder";
    case EROFS: return "this file system is read-only: write to another folder";
    case ENOENT:
    case ENOTDIR: return writing ? "the folder is not there: create it first" : "check the spelling of the path";
    case EMFILE:
    case ENFILE: return "too many open files: raise the limit with ulimit -n";
    default: return "";
  }
}

[[noreturn]] void fail_with_errno(const fs::path& path, const char* doing, int code, bool writing) {
  // No room to map it is no fault of the file.
  const bool is_memory = code == ENOMEM;
  fail_with_hint(is_memory ? ErrorKind::OverBudget : ErrorKind::BadFile,
                 is_memory ? hint_for_refused_memory(0) : hint_for(code, writing), "{}: cannot {}: {}", path.string(),
                 doing, std::generic_category().message(code));
}

// Owns an open file; -1 when there is none.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

// open(2) behind the hook; -1 with errno on failure.
int open_file(const fs::path& path, int flags, mode_t mode = 0) {
  if (refused("open")) return -1;
  int descriptor = -1;
  do descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

bool sync_file(int descriptor) {
  if (refused("sync")) return false;
  int result = 0;
  do result = ::fsync(descriptor);
  while (result < 0 && errno == EINTR);
  return result == 0;
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

constexpr std::string_view kTemporaryPrefix = ".newbie-", kTemporarySuffix = ".tmp";

// Whoever writes a temporary file holds a lock on it, which the system takes away from a process that has died.
bool is_ours_alone(int descriptor) { return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

// Temporary files that processes which were killed have left in `folder` go: once a folder and process.
void sweep_temporary_files(const fs::path& folder) {
  static std::mutex mutex;
  static std::set<fs::path> swept;
  {
    const std::lock_guard lock(mutex);
    if (!swept.insert(folder).second) return;
  }
  std::error_code ignored;
  for (const fs::path& path : list_folder(folder, ignored)) {
    const std::string name = path.filename().string();
    if (!name.starts_with(kTemporaryPrefix) || !name.ends_with(kTemporarySuffix)) continue;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat info {};
    if (file.get() < 0 || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (is_ours_alone(file.get())) ::unlink(path.c_str());
  }
}

// A new file for the target's folder, gone again unless it is renamed to the target. It has no name before that where
// the file system can do so: then not even a killed process leaves anything.
class TemporaryFile {
 public:
  TemporaryFile(const fs::path& folder, const fs::path& target) : folder_(folder) {
    sweep_temporary_files(folder);
    descriptor_ = open_file(folder, O_WRONLY | O_TMPFILE, 0666);
    if (descriptor_ >= 0 && ::access(own_descriptor().c_str(), F_OK) == 0) {
      is_ours_alone(descriptor_);
      return;
    }
    const bool unknown = descriptor_ >= 0 || errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL;
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    if (unknown) open_named();
    if (descriptor_ < 0) fail_with_errno(target, "create a temporary file beside it", errno, true);
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!path_.empty() && !renamed_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::span<const std::byte> bytes, const fs::path& target) {
    while (!bytes.empty()) {
      const ssize_t written = refused("write") ? -1 : ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail_with_errno(target, "write", written == 0 ? EIO : errno, true);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  }

  void sync(const fs::path& target) {
    if (!sync_file(descriptor_)) fail_with_errno(target, "sync", errno, true);
  }

  void rename_to(const fs::path& target) {
    if (path_.empty() && !take_name()) fail_with_errno(target, "name the temporary file", errno, true);
    if (refused("rename") || ::rename(path_.c_str(), target.c_str()) != 0)
      fail_with_errno(target, "rename the temporary file to it", errno, true);
    renamed_ = true;
  }

 private:
  std::string own_descriptor() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

  // A name may be taken by a process of another machine or container that shares the folder: a few are tried.
  template <typename Try>
  bool with_new_name(Try attempt) {
    static std::atomic<unsigned> counter{0};
    for (int i = 0; i < 100; ++i) {
      const fs::path path =
          folder_ / fmt::format("{}{}-{}{}", kTemporaryPrefix, ::getpid(), counter++, kTemporarySuffix);
      if (attempt(path)) {
        path_ = path;
        return true;
      }
      if (errno != EEXIST) return false;
    }
    return false;
  }

  bool take_name() {
    return with_new_name([&](const fs::path& path) {
      return ::linkat(AT_FDCWD, own_descriptor().c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
    });
  }

  void open_named() {
    with_new_name([&](const fs::path& path) {
      descriptor_ = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
      if (descriptor_ < 0) return false;
      // Somebody who sweeps may have been faster than the lock.
      struct stat mine {
      }, there{};
      is_ours_alone(descriptor_);
      if (::fstat(descriptor_, &mine) == 0 && ::stat(path.c_str(), &there) == 0 && mine.st_ino == there.st_ino)
        return true;
      ::close(std::exchange(descriptor_, -1));
      errno = EEXIST;
      return false;
    });
  }

  fs::path folder_, path_;  // no path: it has no name yet
  int descriptor_ = -1;
  bool renamed_ = false;
};

// Where a write to `path` really goes: through symbolic links, and never over a folder or a device, which a rename
// would replace.
fs::path resolve_target(const fs::path& path) {
  std::error_code code;
  const bool is_link = fs::is_symlink(path, code);
  fs::path target = is_link ? fs::canonical(path, code) : path;
  if (is_link && code == std::errc::no_such_file_or_directory)
    fail_with_hint(ErrorKind::BadFile, "remove the link, or choose another name",
                   "{}: cannot be written: it is a link to {}, which is not there", path.string(),
                   fs::read_symlink(path, code).string());
  if (target.empty()) fail_with_errno(path, "write", code ? code.value() : ENOENT, true);
  struct stat info {};
  if (::stat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    fail(ErrorKind::BadFile, "{}: expected a regular file to replace, got {}", path.string(), kind_of(info.st_mode));
  return target;
}

// One fault maps what lies around a page, too: an aligned 64 KiB, or as much as the system keeps in one piece, up to a
// huge page. What becomes resident is counted by the first for small files: 2 MiB at each end of a tensor are more than
// the plan of a small model may be wrong by. What is given back is the second always.
constexpr uintptr_t kFaultAround = uintptr_t{64} << 10, kHugeFault = uintptr_t{2} << 20;
constexpr size_t kSmallFile = size_t{256} << 20;

// What of `file` lies in the aligned units that `range` touches.
std::span<const std::byte> in_units_of(uintptr_t unit, std::span<const std::byte> range,
                                       std::span<const std::byte> file) {
  const auto file_begin = reinterpret_cast<uintptr_t>(file.data()), file_end = file_begin + file.size();
  const auto range_begin = reinterpret_cast<uintptr_t>(range.data());
  const uintptr_t begin = std::max(file_begin, range_begin), end = std::min(file_end, range_begin + range.size());
  if (begin >= end) return {};
  const uintptr_t first = std::max(file_begin, begin / unit * unit);
  return file.subspan(first - file_begin, std::min(file_end, round_up(end, unit)) - first);
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  // O_NONBLOCK: opening a pipe must not wait for a writer; it means nothing for regular files.
  Descriptor file(open_file(path, O_RDONLY | O_NONBLOCK));
  if (file.get() < 0) fail_with_errno(path, "open", errno, false);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail_with_errno(path, "get its size", errno, false);
  if (!S_ISREG(info.st_mode))
    fail(ErrorKind::BadFile, "{}: expected a regular file, got {}", path.string(), kind_of(info.st_mode));
  const auto bytes = static_cast<size_t>(info.st_size);
  if (bytes == 0) return;  // nothing to map, nothing to lose
  void* data = refused("read") ? MAP_FAILED : ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) fail_with_errno(path, "map", errno, false);
  try {
    slot_ = add_mapping(static_cast<const std::byte*>(data), bytes, file.get());
  } catch (...) {
    ::munmap(data, bytes);
    throw;
  }
  file.release();  // its row owns it now
  data_ = static_cast<const std::byte*>(data);
  size_ = bytes;
  if (bytes <= kSmallFile) ::madvise(data, bytes, MADV_NOHUGEPAGE);
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  remove_mapping(slot_);
  ::munmap(const_cast<std::byte*>(data_), size_);
}

FileStamp MappedFile::stamp() const {
  if (data_ == nullptr) return {};  // empty: it has no mapping, and nothing that could change
  struct stat info {};
  if (::fstat(mapping_descriptor(slot_), &info) != 0) fail_with_errno(path_, "get its size", errno, false);
  const auto nanoseconds = [](const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
  return {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino), static_cast<uint64_t>(info.st_size),
          nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

void MappedFile::check_intact() const {
  if (data_ == nullptr) return;
  const char* hint = "another program changed the file: restore it and try again";
  if (const uint64_t bytes = stamp().bytes; bytes < size_)
    fail_with_hint(ErrorKind::BadFile, hint, "{}: the file shrank while in use: expected {} bytes, got {}",
                   path_.string(), size_, bytes);
  if (mapping_is_damaged(slot_))
    fail_with_hint(ErrorKind::BadFile, hint, "{}: a part of the file could not be read while in use", path_.string());
}

std::span<const std::byte> MappedFile::pages_of(std::span<const std::byte> range) const {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto file_begin = reinterpret_cast<uintptr_t>(data_);
  const auto range_begin = reinterpret_cast<uintptr_t>(range.data());
  const uintptr_t begin = std::max(file_begin, range_begin) / page * page;
  const uintptr_t end = std::min(file_begin + size_, range_begin + range.size());
  if (begin >= end) return {};
  return {data_ + (begin - file_begin), end - begin};
}

void MappedFile::fetch_pages(std::span<const std::byte> range) const {
  const std::span<const std::byte> pages = pages_of(range);
  if (!pages.empty()) ::madvise(const_cast<std::byte*>(pages.data()), pages.size(), MADV_WILLNEED);
}

void MappedFile::load_pages(std::span<const std::byte> range) const {
  constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, since Linux 5.14; older ones read when the bytes are read
  const std::span<const std::byte> pages = pages_of(range);
  if (!pages.empty()) ::madvise(const_cast<std::byte*>(pages.data()), pages.size(), kPopulateRead);
}

void MappedFile::copy(size_t offset, std::span<std::byte> to) const {
  while (!to.empty() && data_ != nullptr) {
    const ssize_t got =
        refused("read") ? -1 : ::pread(mapping_descriptor(slot_), to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with_errno(path_, "read", errno, false);
    if (got == 0) break;
    offset += static_cast<size_t>(got);
    to = to.subspan(static_cast<size_t>(got));
  }
  std::ranges::fill(to, std::byte{0});
}

std::span<const std::byte> MappedFile::around(std::span<const std::byte> range) const {
  return in_units_of(size_ <= kSmallFile ? kFaultAround : kHugeFault, range, bytes());
}

void MappedFile::drop_pages(std::span<const std::byte> range) const {
  const std::span<const std::byte> pages = in_units_of(kHugeFault, range, bytes());
  // Advice: when it is refused the pages merely stay.
  if (!pages.empty()) ::madvise(const_cast<std::byte*>(pages.data()), pages.size(), MADV_DONTNEED);
}

std::string read_file(const fs::path& path, size_t limit) {
  const Descriptor file(open_file(path, O_RDONLY));
  if (file.get() < 0) fail_with_errno(path, "open", errno, false);
  constexpr size_t kStep = 16 * 1024;
  std::string text;
  size_t filled = 0;
  for (;;) {
    if (filled == text.size()) text.resize(filled + std::max(kStep, filled));
    const ssize_t got = refused("read") ? -1 : ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with_errno(path, "read", errno, false);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
    if (filled > limit)
      fail(ErrorKind::BadFile, "{}: the file is too large: expected at most {} bytes", path.string(), limit);
  }
  text.resize(filled);
  return text;
}

struct AtomicFile::State {
  explicit State(const fs::path& given)
      : path(given),
        target(resolve_target(given)),
        folder(target.has_parent_path() ? target.parent_path() : fs::path(".")),
        file(folder, given) {}

  fs::path path, target, folder;
  TemporaryFile file;
};

AtomicFile::AtomicFile(const fs::path& path) : state_(std::make_unique<State>(path)) {}
AtomicFile::~AtomicFile() = default;

void AtomicFile::write(std::span<const std::byte> bytes) { state_->file.write(bytes, state_->path); }

void AtomicFile::commit() {
  state_->file.sync(state_->path);
  state_->file.rename_to(state_->target);
  // The rename survives a power cut only once the folder is synced. The new file is in place either way, and some
  // file systems cannot sync folders, so a failure here is not one of the write.
  const Descriptor opened(open_file(state_->folder, O_RDONLY | O_DIRECTORY));
  if (opened.get() >= 0) sync_file(opened.get());
}

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

void append_to_file(const fs::path& path, std::span<const std::byte> bytes) {
  // O_NONBLOCK: opening a pipe must not wait for a reader; it means nothing for regular files.
  const Descriptor file(open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0666));
  if (file.get() < 0) fail_with_errno(path, "open", errno, true);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail_with_errno(path, "get its size", errno, true);
  if (!S_ISREG(info.st_mode))
    fail(ErrorKind::BadFile, "{}: expected a regular file to write to, got {}", path.string(), kind_of(info.st_mode));
  while (!bytes.empty()) {
    const ssize_t written = refused("write") ? -1 : ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int code = written == 0 ? EIO : errno;
      // A cut that fails, too, leaves a beginning: the error to tell is the first.
      [[maybe_unused]] const int ignored = ::ftruncate(file.get(), info.st_size);
      fail_with_errno(path, "write", code, true);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void append_to_file(const fs::path& path, std::string_view text) {
  append_to_file(path, std::as_bytes(std::span(text)));
}

void set_file_fault_hook(FileFaultHook hook) {
  std::shared_ptr<Hook> next;
  if (hook) {
    next = std::make_shared<Hook>();
    next->call = std::move(hook);
  }
  const std::lock_guard lock(hook_mutex);
  installed_hook = std::move(next);
  hook_is_installed.store(installed_hook != nullptr, std::memory_order_release);
}

std::vector<fs::path> list_folder(const fs::path& folder, std::error_code& error) {
  error.clear();
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), closedir);
  std::vector<fs::path> out;
  if (!open) {
    error = {errno, std::generic_category()};
    return out;
  }
  while (true) {
    errno = 0;
    const dirent* entry = readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.push_back(folder / name);
  }
  if (errno != 0) error = {errno, std::generic_category()};
  return out;
}

}  // namespace newbie
