// What text encoders made of a prompt, kept in files: a prompt that comes again needs no encoder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"

namespace newbie {

// Everything that decides an encoder's output.
struct TextCacheKey {
  std::string part;        // "text_encoder", "clip_model"
  std::string identity;    // the part's fingerprint
  std::string arithmetic;  // precision policy and backend
  std::span<const int32_t> ids;
  std::span<const float> weights;  // of tokens; empty: all 1

  std::string hash() const;  // SHA-256, hex: the entry's name
};

// One entry a file of the folder, written atomically, with a hash of its key and its numbers. Several processes may
// share a folder.
class TextCache {
 public:
  // Makes the folder. Error{BadFile} when that cannot be done.
  TextCache(std::filesystem::path folder, Log& log);

  // The `count` numbers of an entry; nothing when there is none. One that is damaged is told to the log and passed
  // over.
  std::optional<std::vector<float>> find(const TextCacheKey& key, size_t count) const;

  // What cannot be written is told to the log.
  void keep(const TextCacheKey& key, std::span<const float> values) const;

 private:
  std::filesystem::path path_of(const TextCacheKey& key) const;

  std::filesystem::path folder_;
  Log& log_;
};

}  // namespace newbie
