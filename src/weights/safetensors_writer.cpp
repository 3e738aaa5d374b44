#include "weights/safetensors_writer.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "core/checked.h"
#include "core/files.h"
#include "core/json.h"
#include "weights/formats/safetensors.h"
#include "weights/in_quotes.h"

namespace newbie {

namespace {

std::string json_string(const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::exception&) {
    fail(ErrorKind::InvalidRequest, "expected names and metadata in UTF-8, got {}", in_quotes(text));
  }
}

std::string header_of(const std::vector<const NamedTensor*>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  const auto begin_item = [&](const std::string& key) {
    if (header.back() != '{') header += ',';
    header += json_string(key) + ':';
  };
  if (!metadata.empty()) {
    begin_item("__metadata__");
    header += '{';
    for (const auto& [key, value] : metadata) {
      begin_item(key);
      header += json_string(value);
    }
    header += '}';
  }
  size_t at = 0;
  for (const NamedTensor* item : tensors) {
    const TensorSpec& spec = item->tensor.spec;
    const size_t end = checked_add(at, spec.bytes());
    begin_item(item->name);
    header += fmt::format(R"({{"dtype":"{}","shape":[)", safetensors_dtype_name(spec.dtype));
    for (int axis = 0; axis < spec.shape.rank(); ++axis)
      header += fmt::format("{}{}", axis == 0 ? "" : ",", spec.shape[axis]);
    header += fmt::format(R"(],"data_offsets":[{},{}]}})", at, end);
    at = end;
  }
  header += '}';
  header.append(round_up(header.size(), 8) - header.size(), ' ');
  return header;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const NamedTensor*> sorted;
  size_t data_bytes = 0;
  for (const NamedTensor& item : tensors) {
    if (item.name == "__metadata__")
      fail(ErrorKind::InvalidRequest, "{}: expected another name for a tensor, got '__metadata__'", path.string());
    data_bytes = checked_add(data_bytes, item.tensor.spec.bytes());
    sorted.push_back(&item);
  }
  std::sort(sorted.begin(), sorted.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return std::make_tuple(size_of(b->tensor.spec.dtype), std::string_view(a->name)) <
           std::make_tuple(size_of(a->tensor.spec.dtype), std::string_view(b->name));
  });
  std::vector<std::string_view> names;
  for (const NamedTensor& item : tensors) names.push_back(item.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    fail(ErrorKind::InvalidRequest, "{}: expected each tensor once, got {} twice", path.string(), in_quotes(*twice));

  const std::string header = header_of(sorted, metadata);
  std::vector<std::byte> file;
  file.reserve(checked_add(8 + header.size(), data_bytes));
  for (size_t i = 0; i < 8; ++i) file.push_back(static_cast<std::byte>(header.size() >> (8 * i) & 0xFFu));
  const auto append = [&](const void* data, size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    file.insert(file.end(), bytes, bytes + size);
  };
  append(header.data(), header.size());
  for (const NamedTensor* item : sorted)
    if (const size_t size = item->tensor.spec.bytes(); size != 0) append(item->tensor.data, size);
  write_file_atomically(path, file);
}

}  // namespace newbie
