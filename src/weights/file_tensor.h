// FileTensor: one tensor of one opened file, before it gets a canonical name.
#pragma once

#include <memory>
#include <string>

#include "core/printable.h"
#include "weights/formats/weight_file.h"

namespace newbie {

struct FileTensor {
  std::shared_ptr<const WeightFile> file;
  const WeightEntry* entry = nullptr;  // belongs to `file`

  const std::string& key() const { return entry->name; }
  TensorSpec spec() const { return file->spec(*entry); }
  std::span<const std::byte> bytes() const { return file->bytes(*entry); }
  // Elements [first, first + out.size()) in row-major order, widened to f32, however they are stored: any float dtype,
  // or blocks. The same values for any cut. Call file->check_intact() after using them.
  void read(size_t first, std::span<float> out) const;
  std::string where() const { return file->path().string() + ": tensor " + in_quotes(entry->name); }
};

}  // namespace newbie
