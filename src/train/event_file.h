// What TensorBoard reads: an event file of scalars. A file is a row of records (TFRecord: length, its masked CRC-32C,
// bytes, theirs), each a protobuf message Event (tensorboard/compat/proto/event.proto); the few fields that scalars
// need are written by hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace newbie {

// CRC-32 with Castagnoli's polynomial (RFC 3720, B.4).
uint32_t crc32c(std::string_view bytes);

class EventFile {
 public:
  using Scalar = std::pair<std::string_view, double>;  // "loss/train", its value

  // Names a file of this moment in `folder`, which is made; nothing is written before the first begin().
  explicit EventFile(const std::filesystem::path& folder);

  // A session that goes on after `step`: readers forget what earlier files of the folder say of later steps.
  void begin(int64_t step);
  void add(int64_t step, std::span<const Scalar> scalars);  // one record, at once on the disk

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace newbie
