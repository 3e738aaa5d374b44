// The one file layer: every byte read or written goes through here, so that fault-injection tests see every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace newbie {

// What tells a file from others, and from itself after a change, without reading it.
struct FileStamp {
  uint64_t device = 0, inode = 0, bytes = 0;
  int64_t modified_ns = 0, changed_ns = 0;  // since 1970; the second is the system's own and cannot be set back
  bool operator==(const FileStamp&) const = default;
};

// A read-only mapping of a whole file. If the file shrinks while mapped, reads beyond its new end give zeros
// instead of a crash, and check_intact() throws: call it after using bytes and before trusting a result.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // Error{BadFile} when missing or unreadable
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  FileStamp stamp() const;    // as it is now; Error{BadFile} when the system does not tell
  void check_intact() const;  // Error{BadFile} if a read ran past a shrunken end
  void fetch_pages(std::span<const std::byte> range) const;  // will be read: from the disk into the page cache
  void load_pages(std::span<const std::byte> range) const;   // now, and into this process: reading waits no more
  // The bytes from `offset` on, read instead of mapped, so that no page becomes resident. Of a file that shrank zeros,
  // as a mapping gives. Error{BadFile} when the disk cannot be read.
  void copy(size_t offset, std::span<std::byte> to) const;
  // The range and what reading it may map around it: what becomes resident.
  std::span<const std::byte> around(std::span<const std::byte> range) const;
  // Gives the page cache's mappings of the range, and of what lies around it, back; all can be read again.
  void drop_pages(std::span<const std::byte> range) const;

 private:
  std::span<const std::byte> pages_of(std::span<const std::byte> range) const;  // of the file, from a whole page on

  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t slot_ = 0;  // its row in the table of mappings that the fault handler reads
};

// The whole file; Error{BadFile} when it is larger than `limit` bytes.
std::string read_file(const std::filesystem::path& path, size_t limit);

// A file written in pieces: into a temporary file beside `path`, which commit() syncs and renames over `path`. Without
// commit() nothing is left, even of a process that is killed: where a file system cannot keep a file without a name,
// the next write to the folder removes what dead processes left there. Errors as of write_file_atomically.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes `bytes` to a temporary file beside `path`, syncs it, and renames it over `path`: readers see the old
// file or the new one, and a failure leaves nothing behind. Error{BadFile} with the reason (full disk, read-only…).
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

// For tests: called before every open, read, write, sync and rename with (sequence number, operation name);
// returning false makes that call fail as if the system had refused. Pass {} to remove.
using FileFaultHook = std::function<bool(size_t sequence, const char* operation)>;
void set_file_fault_hook(FileFaultHook hook);

// What lies in a folder, in no order; `error` tells why not all of it could be read. The standard library's iterators
// would end the program where memory runs out (libstdc++ allocates in functions it declares noexcept).
std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder, std::error_code& error);

}  // namespace newbie
