#include "weights/safetensors_writer.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "core/checked.h"
#include "core/files.h"
#include "core/json.h"
#include "core/printable.h"
#include "weights/formats/safetensors.h"

namespace newbie {

namespace {

constexpr size_t kLengthBytes = 8;  // of the header, in front of it

std::string json_string(const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::exception&) {
    fail(ErrorKind::InvalidRequest, "expected names and metadata in UTF-8, got {}", in_quotes(text));
  }
}

std::string header_of(const std::vector<const StreamedTensor*>& tensors,
                      const std::map<std::string, std::string>& metadata, size_t alignment) {
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
  for (const StreamedTensor* item : tensors) {
    const TensorSpec& spec = item->spec;
    const size_t end = checked_add(at, spec.bytes());
    begin_item(item->name);
    header += fmt::format(R"({{"dtype":"{}","shape":[)", safetensors_dtype_name(spec.dtype));
    for (int axis = 0; axis < spec.shape.rank(); ++axis)
      header += fmt::format("{}{}", axis == 0 ? "" : ",", spec.shape[axis]);
    header += fmt::format(R"(],"data_offsets":[{},{}]}})", at, end);
    at = end;
  }
  header += '}';
  const size_t begin = kLengthBytes + header.size();
  header.append(round_up(begin, alignment) - begin, ' ');
  return header;
}

// In the order of their bytes. Error{InvalidRequest} for names that a file cannot have.
std::vector<const StreamedTensor*> in_order(const std::filesystem::path& path,
                                            std::span<const StreamedTensor> tensors) {
  std::vector<const StreamedTensor*> sorted;
  for (const StreamedTensor& item : tensors) {
    if (item.name == "__metadata__")
      fail(ErrorKind::InvalidRequest, "{}: expected another name for a tensor, got '__metadata__'", path.string());
    sorted.push_back(&item);
  }
  std::sort(sorted.begin(), sorted.end(), [](const StreamedTensor* a, const StreamedTensor* b) {
    return std::make_tuple(size_of(b->spec.dtype), std::string_view(a->name)) <
           std::make_tuple(size_of(a->spec.dtype), std::string_view(b->name));
  });
  std::vector<std::string_view> names;
  for (const StreamedTensor& item : tensors) names.push_back(item.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    fail(ErrorKind::InvalidRequest, "{}: expected each tensor once, got {} twice", path.string(), in_quotes(*twice));
  return sorted;
}

// The header with its length in front of it.
std::string opening(const std::vector<const StreamedTensor*>& sorted,
                    const std::map<std::string, std::string>& metadata, size_t alignment) {
  const std::string header = header_of(sorted, metadata, alignment);
  std::string out(kLengthBytes, '\0');
  for (size_t i = 0; i < kLengthBytes; ++i) out[i] = static_cast<char>(header.size() >> (8 * i) & 0xFFu);
  return out + header;
}

}  // namespace

void stream_safetensors(const std::filesystem::path& path, std::span<const StreamedTensor> tensors,
                        const std::map<std::string, std::string>& metadata, size_t alignment) {
  const std::vector<const StreamedTensor*> sorted = in_order(path, tensors);
  const std::string begin = opening(sorted, metadata, alignment);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(begin)));
  for (const StreamedTensor* item : sorted) {
    size_t written = 0;
    item->produce([&](std::span<const std::byte> bytes) {
      file.write(bytes);
      written += bytes.size();
    });
    if (written != item->spec.bytes())
      fail(ErrorKind::Internal, "{}: tensor {}: expected {} bytes to write, got {}", path.string(),
           in_quotes(item->name), item->spec.bytes(), written);
  }
  file.commit();
}

void write_safetensors_shapes(const std::filesystem::path& path, std::span<const StreamedTensor> tensors,
                              const std::map<std::string, std::string>& metadata) {
  const std::vector<const StreamedTensor*> sorted = in_order(path, tensors);
  const std::string begin = opening(sorted, metadata, kLengthBytes);
  size_t bytes = begin.size();
  for (const StreamedTensor* item : sorted) bytes = checked_add(bytes, item->spec.bytes());
  write_file_atomically(path, begin);
  std::error_code error;
  std::filesystem::resize_file(path, bytes, error);
  if (!error) return;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  fail(ErrorKind::BadFile, "{}: cannot be made {} bytes long: {}", path.string(), bytes, error.message());
}

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<StreamedTensor> streamed;
  for (const NamedTensor& item : tensors)
    streamed.push_back({item.name, item.tensor.spec, [view = item.tensor](const auto& write) {
                          if (const size_t size = view.spec.bytes(); size != 0) write({view.data, size});
                        }});
  stream_safetensors(path, streamed, metadata);
}

}  // namespace newbie
