// A TOML profile laid under the flags of `newbie generate`.
#include "profile.h"

#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"
#include "fuzz/target.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Profiles come by path: a file in memory keeps the disk out of it.
  static const int file = memfd_create("profile", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  fuzz::require(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == static_cast<ssize_t>(size), "memfd works");
  CLI::App parser;
  PictureArguments arguments;
  add_picture_flags(parser, arguments);
  fuzz::survives({ErrorKind::InvalidRequest, ErrorKind::BadFile}, [&] { apply_profile(parser, path); });
  return 0;
}
