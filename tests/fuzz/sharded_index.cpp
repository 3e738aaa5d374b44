// The index of a sharded model: it may name files of its own folder only.
#include "weights/formats/sharded_index.h"

#include "fuzz/target.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::survives({ErrorKind::BadFile}, [&] {
    for (const auto& [tensor, file] : parse_sharded_index(fuzz::text_of(data, size), "fuzz")) {
      const std::filesystem::path path = std::filesystem::path("folder") / file;
      fuzz::require(path.parent_path() == "folder" && path.has_filename() && path.filename() != "..",
                    "a shard lies beside its index");
    }
  });
  return 0;
}
