#include "weights/formats/gguf.h"

#include <algorithm>
#include <bit>
#include <set>
#include <tuple>

#include "core/checked.h"
#include "core/printable.h"
#include "core/utf8.h"
#include "weights/formats/foreign_bytes.h"
#include "weights/formats/gguf_blocks.h"
#include "weights/formats/little_endian.h"

namespace newbie {

namespace {

constexpr size_t kLeastInfo = 24, kLeastKey = 13;  // bytes on disk
constexpr uint64_t kMost = 1U << 20;               // tensors, and keys: far above any model
constexpr size_t kLongestName = 1024;
constexpr uint32_t kMostDimensions = 4;
constexpr uint64_t kLargestAlignment = 65536;

void check_magic(LittleEndianReader& reader, std::string_view where) {
  const std::span<const std::byte> magic = reader.take(kGgufMagic.size(), "the word GGUF");
  const std::string_view word(reinterpret_cast<const char*>(magic.data()), magic.size());
  if (word != kGgufMagic)
    fail(ErrorKind::BadFile, "{}: expected a file that begins with GGUF, got {}: another format under this name?",
         where, in_quotes(word));
}

void check_version(uint32_t version, std::string_view where) {
  if (version == 2 || version == 3) return;
  if (version != 0 && (version & 0xFFFFU) == 0)
    fail(ErrorKind::Unsupported, "{}: expected a little-endian GGUF file, got a big-endian one", where);
  fail_with_hint(ErrorKind::Unsupported, version == 1 ? "convert the model anew" : "",
                 "{}: expected GGUF version 2 or 3, got {}", where, version);
}

uint64_t read_count(LittleEndianReader& reader, size_t least, std::string_view what, std::string_view where) {
  const uint64_t count = reader.u64(what);
  if (count > reader.left() / least || count > kMost)
    fail(ErrorKind::BadFile, "{}: expected at most {} {} in a file of this size, got {}", where,
         std::min<uint64_t>(reader.left() / least, kMost), what, count);
  return count;
}

size_t alignment_of(const GgufKeys& keys, std::string_view where) {
  constexpr std::string_view kKey = "general.alignment";
  const GgufValue* value = keys.find(kKey);
  if (value == nullptr) return 32;
  if (value->kind != GgufKind::U32)
    fail(ErrorKind::BadFile, "{}: key '{}': expected u32, got {}", where, kKey, value->str());
  const auto alignment = static_cast<uint64_t>(*keys.number(kKey, where));
  if (!std::has_single_bit(alignment) || alignment > kLargestAlignment)
    fail(ErrorKind::BadFile, "{}: key '{}': expected a power of two up to {}, got {}", where, kKey, kLargestAlignment,
         alignment);
  return alignment;
}

class InfoReader {
 public:
  InfoReader(LittleEndianReader& reader, const GgufKeys& keys, std::string_view where)
      : reader_(reader), keys_(keys), where_(where) {}

  WeightEntry read() {
    WeightEntry entry;
    entry.name = name();
    std::vector<int64_t> dims = dimensions(entry.name);
    const GgufType type = read_type(entry.name);
    entry.dtype_name = type.name;
    entry.dtype = type.plain;
    entry.blocks = type.blocks;
    entry.shape.assign(dims.rbegin(), dims.rend());
    const size_t bytes = bytes_of(entry, dims);
    restore_shape(entry);
    entry.begin = reader_.u64("a tensor's offset");
    if (__builtin_add_overflow(entry.begin, bytes, &entry.end))
      refuse(entry.name, "an end inside the file", fmt::format("offset {} and {} bytes", entry.begin, bytes));
    return entry;
  }

 private:
  [[noreturn]] void refuse(std::string_view name, std::string_view expected, std::string_view got) const {
    fail(ErrorKind::BadFile, "{}: tensor {}: expected {}, got {}", where_, in_quotes(name), expected, got);
  }

  std::string name() {
    const std::string_view name = reader_.text("a tensor's name");
    if (name.empty() || name.size() > kLongestName || name.find('\0') != name.npos || find_invalid_utf8(name))
      refuse(name, fmt::format("a name of 1 to {} bytes of UTF-8 without NUL", kLongestName),
             fmt::format("{} bytes", name.size()));
    return std::string(name);
  }

  // As stored: the fastest first.
  std::vector<int64_t> dimensions(std::string_view name) {
    const uint32_t count = reader_.u32("a tensor's dimensions");
    if (count > kMostDimensions)
      refuse(name, fmt::format("at most {} dimensions", kMostDimensions), fmt::format("{}", count));
    std::vector<int64_t> dims;
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t extent = reader_.u64("a tensor's dimensions");
      if (extent == 0 || extent > static_cast<uint64_t>(INT64_MAX))
        refuse(name, "dimensions of at least 1 that fit 63 bits", fmt::format("{}", extent));
      dims.push_back(static_cast<int64_t>(extent));
    }
    while (dims.size() > 1 && dims.back() == 1) dims.pop_back();
    return dims;
  }

  GgufType read_type(std::string_view name) {
    const uint32_t id = reader_.u32("a tensor's type");
    const GgufType type = gguf_type(id);
    if (type.plain || type.blocks != nullptr) return type;
    fail_with_hint(ErrorKind::Unsupported, "take a file in Q8_0, Q6_K, Q5_K_M, Q4_K_M or BF16",
                   "{}: tensor {}: type {} is not read", where_, in_quotes(name),
                   type.name.empty() ? fmt::format("{}", id) : std::string(type.name));
  }

  size_t bytes_of(const WeightEntry& entry, const std::vector<int64_t>& dims) const {
    int64_t count = 1;
    size_t bytes = 0;
    for (const int64_t extent : dims)
      if (__builtin_mul_overflow(count, extent, &count)) refuse(entry.name, "a size that fits 63 bits", text(dims));
    const size_t block = entry.blocks != nullptr ? entry.blocks->elements : 1;
    const size_t size = entry.blocks != nullptr ? entry.blocks->bytes : size_of(*entry.dtype);
    if (const auto row = static_cast<size_t>(dims.empty() ? 1 : dims.front()); row % block != 0)
      refuse(entry.name, fmt::format("rows of whole blocks of {} in {}", block, entry.dtype_name),
             fmt::format("rows of {}", row));
    if (__builtin_mul_overflow(static_cast<size_t>(count) / block, size, &bytes))
      refuse(entry.name, "a size that fits 64 bits", text(dims));
    return bytes;
  }

  // ComfyUI-GGUF's quantiser folds what has short rows into rows of 256 and writes down the shape it had.
  void restore_shape(WeightEntry& entry) const {
    const std::string key = "comfy.gguf.orig_shape." + entry.name;
    const GgufValue* value = keys_.find(key);
    if (value == nullptr) return;
    if (value->element != GgufKind::I32 || value->count == 0 || value->count > kMostDimensions)
      fail(ErrorKind::BadFile, "{}: key {}: expected an array of 1 to {} i32, got {}", where_, in_quotes(key),
           kMostDimensions, value->str());
    std::vector<int64_t> shape;
    int64_t count = 1, stored = 1;
    for (const int64_t extent : entry.shape) stored *= extent;
    const std::vector<double> extents = keys_.numbers(key, where_).value();
    for (const double extent : extents) {
      shape.push_back(static_cast<int64_t>(extent));
      if (shape.back() <= 0 || __builtin_mul_overflow(count, shape.back(), &count)) count = 0;
    }
    if (count != stored)
      fail(ErrorKind::BadFile, "{}: key {}: expected a shape of {} elements, got {}", where_, in_quotes(key), stored,
           text(shape));
    entry.shape = std::move(shape);
  }

  static std::string text(const std::vector<int64_t>& extents) { return fmt::format("[{}]", fmt::join(extents, ", ")); }

  LittleEndianReader& reader_;
  const GgufKeys& keys_;
  std::string_view where_;
};

// Sorted by offset: inside the file, aligned, none over another.
void check_places(std::vector<WeightEntry>& entries, size_t data_bytes, size_t alignment, std::string_view where) {
  std::sort(entries.begin(), entries.end(), [](const WeightEntry& a, const WeightEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  const WeightEntry* before = nullptr;
  for (const WeightEntry& entry : entries) {
    if (entry.begin % alignment != 0)
      fail(ErrorKind::BadFile, "{}: tensor {}: expected an offset of whole {} bytes, got {}", where,
           in_quotes(entry.name), alignment, entry.begin);
    if (entry.end > data_bytes)
      fail_with_hint(ErrorKind::BadFile, "an incomplete download: get the file again",
                     "{}: shorter than its header says: tensor {}: expected to end within {} bytes of data, got {}",
                     where, in_quotes(entry.name), data_bytes, entry.end);
    if (before != nullptr && entry.begin < before->end)
      fail(ErrorKind::BadFile, "{}: tensor {}: expected to begin behind {} at byte {} of the data, got {}", where,
           in_quotes(entry.name), in_quotes(before->name), before->end, entry.begin);
    before = &entry;
  }
}

std::map<std::string, std::string> texts_of(const GgufKeys& keys, std::string_view where) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : keys.all())
    if (value.kind == GgufKind::Text) texts.emplace(key == kGgufConfigKey ? "config" : key, *keys.text(key, where));
  return texts;
}

}  // namespace

WeightHeader parse_gguf_header(std::span<const std::byte> file, std::string_view where) {
  if (file.empty()) fail(ErrorKind::BadFile, "{}: expected GGUF, got an empty file", where);
  refuse_foreign_bytes(file, "GGUF", where);
  LittleEndianReader reader(file, where);
  check_magic(reader, where);
  check_version(reader.u32("the version"), where);
  const uint64_t tensors = read_count(reader, kLeastInfo, "tensors", where);
  const uint64_t keys = read_count(reader, kLeastKey, "keys", where);
  WeightHeader header;
  header.keys.read(reader, keys, where);
  const size_t alignment = alignment_of(header.keys, where);
  check_known_keys(header.keys, where);
  if (tensors == 0 && header.keys.number("split.count", where).value_or(1) <= 1)
    fail(ErrorKind::BadFile, "{}: expected tensors, got none: a vocabulary alone?", where);
  std::set<std::string_view> names;
  for (uint64_t i = 0; i < tensors; ++i) header.entries.push_back(InfoReader(reader, header.keys, where).read());
  for (const WeightEntry& entry : header.entries)
    if (!names.insert(entry.name).second)
      fail(ErrorKind::BadFile, "{}: expected each tensor once, got {} twice", where, in_quotes(entry.name));
  header.data_begin = std::min(round_up(reader.position(), alignment), file.size());
  check_places(header.entries, file.size() - header.data_begin, alignment, where);
  header.metadata = texts_of(header.keys, where);
  return header;
}

}  // namespace newbie
