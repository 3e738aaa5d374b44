// A file in memory with a path, for readers that take nothing else: the disk stays out of it.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "fuzz/target.h"

namespace newbie::fuzz {

class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("fuzz", 0)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {}

  const std::string& path() const { return path_; }
  void write(std::string_view bytes) const {
    require(ftruncate(descriptor_, 0) == 0 &&
                pwrite(descriptor_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
            "memfd works");
  }

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace newbie::fuzz
