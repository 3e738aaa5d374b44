// FileTensor: one tensor of one opened file, before it gets a canonical name.
#pragma once

#include <memory>
#include <string>

#include "weights/formats/safetensors.h"
#include "weights/in_quotes.h"

namespace newbie {

struct FileTensor {
  std::shared_ptr<const SafetensorsFile> file;
  const SafetensorsEntry* entry = nullptr;  // belongs to `file`

  const std::string& key() const { return entry->name; }
  TensorSpec spec() const { return file->spec(*entry); }
  std::span<const std::byte> bytes() const { return file->bytes(*entry); }
  std::string where() const { return file->path().string() + ": tensor " + in_quotes(entry->name); }
};

}  // namespace newbie
