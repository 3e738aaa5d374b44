// What was prepared of a model's weights, kept in files: a later run maps them instead of packing.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "backend/packed_weights.h"
#include "core/log.h"
#include "generate/parts.h"
#include "weights/formats/packed.h"

namespace newbie {

// Everything that decides prepared bytes, beside a weight's own key (its name, dtype and layout).
struct WeightCacheKey {
  std::string part;         // "transformer", …
  std::string fingerprint;  // of the part's files (weights/fingerprint.h)
  std::string files;        // their stamps: what changed since the fingerprint was made
  std::string config;       // as text: some weights are computed with it
  std::string arithmetic;   // precision policy, backend and its libraries, the CPU

  std::string hash() const;  // SHA-256, hex
};
std::string stamps_of(const Part& part);  // for `files`; Error{BadFile} when the system does not tell

// Thread-safe. Files of a folder, each with the weights of a part that some run found missing. Several processes may
// share a folder.
class WeightCache {
 public:
  // Makes the folder. Error{BadFile} when that cannot be done. `kept_hashes`: where hashes of files that were read
  // through once are kept; without it each file is read through when it is opened.
  WeightCache(std::filesystem::path folder, Log& log, const std::optional<std::filesystem::path>& kept_hashes = {});

  // What there is for a key, mapped. A file that is damaged is told to the log, once, and passed over.
  class Opened : public PackedWeights {
   public:
    virtual void check_intact() const = 0;  // Error{BadFile} when a file has shrunk under a read
  };
  std::shared_ptr<const Opened> open(const WeightCacheKey& key);

  // What cannot be written is told to the log. Errors of the weights' `get` that are not of files or memory pass
  // through.
  void keep(const WeightCacheKey& key, std::span<const PackedWeight> weights);

 private:
  std::filesystem::path folder_;
  Log& log_;
  std::mutex mutex_;
  std::optional<KeptHashes> kept_;
  std::set<std::filesystem::path> damaged_;  // were told
  struct Known {
    std::string hash;
    std::shared_ptr<const Opened> opened;
  };
  std::map<std::string, Known> known_;  // by part, until something is added
};

}  // namespace newbie
