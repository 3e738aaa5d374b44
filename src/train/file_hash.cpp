#include "train/file_hash.h"

#include "core/files.h"
#include "weights/sha256.h"

namespace newbie {

std::string file_sha256(const std::filesystem::path& path) {
  const MappedFile file(path);
  Sha256 hash;
  hash.add(file.bytes());
  file.check_intact();
  return hash.hex();
}

}  // namespace newbie
