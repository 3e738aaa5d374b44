// The identity of one part of a model (transformer, VAE, …): the same for the same bytes wherever they lie. Every byte
// enters. What was hashed once may be kept under the file's stamp, as hashing a full-size model takes seconds.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "weights/formats/weight_file.h"

namespace newbie {

// Hashes that were made before, in a file of JSON: a file's stamp (device, inode, size, times of its last change) and
// its SHA-256. A file that changed in the last seconds is not kept: a clock's step may hide a change that follows. One
// that cannot be read or written does no harm.
class KeptHashes {
 public:
  explicit KeptHashes(std::filesystem::path file);

  std::string find(const FileStamp& stamp) const;  // empty: not known
  void keep(const FileStamp& stamp, const std::string& hash);

 private:
  void read();

  std::filesystem::path file_;
  std::map<std::string, std::string> hashes_;
};

// Lowercase hex. Of one file its SHA-256, as sha256sum prints it; of several the SHA-256 of theirs (as hex, in the
// order of file names, one after the other). Names and folders do not enter. `kept`, if not null, is asked first for
// files of at least kWorthKeeping bytes, and told. Error{BadFile} when a file changes meanwhile.
inline constexpr size_t kWorthKeeping = size_t{64} << 20;
std::string fingerprint(std::span<const std::shared_ptr<const WeightFile>> files, KeptHashes* kept = nullptr);

}  // namespace newbie
