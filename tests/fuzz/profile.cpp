// A TOML profile laid under the flags of `newbie generate`.
#include "profile.h"

#include "arguments.h"
#include "fuzz/memory_file.h"

using namespace newbie;

namespace {

struct GenerateFlags {
  CLI::App parser;
  PictureArguments arguments;
  GenerateFlags() { add_picture_flags(parser, arguments); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::MemoryFile file;
  static GenerateFlags flags;  // hundreds of times slower to make than to clear
  file.write(fuzz::text_of(data, size));
  for (CLI::Option* option : flags.parser.get_options()) option->clear();
  fuzz::survives({ErrorKind::InvalidRequest, ErrorKind::BadFile}, [&] { apply_profile(flags.parser, file.path()); });
  return 0;
}
