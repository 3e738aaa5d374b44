#include "weights/formats/safetensors.h"

#include <algorithm>
#include <tuple>

#include "core/json.h"
#include "core/printable.h"
#include "weights/formats/foreign_bytes.h"

namespace newbie {

namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kLongestHeader = 100'000'000;
constexpr std::string_view kMetadata = "__metadata__";

struct FormatDType {
  std::string_view name;
  unsigned bits;
  std::optional<DType> dtype;
};

constexpr FormatDType kDTypes[] = {
    {"F32", 32, DType::F32},       {"BF16", 16, DType::BF16},    {"F16", 16, DType::F16},
    {"F64", 64, DType::F64},       {"I64", 64, DType::I64},      {"I32", 32, DType::I32},
    {"I8", 8, DType::I8},          {"U8", 8, DType::U8},         {"BOOL", 8, std::nullopt},
    {"I16", 16, std::nullopt},     {"U16", 16, std::nullopt},    {"U32", 32, std::nullopt},
    {"U64", 64, std::nullopt},     {"C64", 64, std::nullopt},    {"F8_E4M3", 8, DType::F8E4M3},
    {"F8_E5M2", 8, DType::F8E5M2}, {"F8_E8M0", 8, std::nullopt}, {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},  {"F4", 4, std::nullopt},
};

// One tensor's description while it is being read: every refusal names the file and the tensor.
class EntryReader {
 public:
  EntryReader(std::string_view where, const std::string& name, const Json& value)
      : where_(where), name_(name), value_(value) {}

  SafetensorsEntry read() const {
    if (!value_.is_object()) refuse("an object with dtype, shape and data_offsets", value_.type_name());
    for (const auto& field : value_.items())
      if (field.key() != "dtype" && field.key() != "shape" && field.key() != "data_offsets")
        refuse("only dtype, shape and data_offsets", in_quotes(field.key()));

    const FormatDType& type = dtype();
    SafetensorsEntry entry{.name = name_, .dtype_name = type.name, .dtype = type.dtype, .shape = shape()};

    const Json& offsets = array("data_offsets");
    if (offsets.size() != 2) refuse("data_offsets of 2 numbers", fmt::format("{}", offsets.size()));
    entry.begin = number(offsets[0], "data_offsets");
    entry.end = number(offsets[1], "data_offsets");
    if (entry.begin > entry.end)
      refuse("data_offsets that do not go backwards", fmt::format("[{}, {}]", entry.begin, entry.end));

    const size_t expected = bytes_of(entry.shape, type);
    if (entry.end - entry.begin != expected)
      refuse(fmt::format("{} bytes for {} {}", expected, type.name, text(entry.shape)),
             fmt::format("{} bytes in data_offsets [{}, {}]", entry.end - entry.begin, entry.begin, entry.end));
    return entry;
  }

 private:
  [[noreturn]] void refuse(std::string_view expected, std::string_view got) const {
    fail(ErrorKind::BadFile, "{}: tensor {}: expected {}, got {}", where_, in_quotes(name_), expected, got);
  }

  const Json& field(const char* key) const {
    const auto found = value_.find(key);
    if (found == value_.end()) refuse(key, "nothing");
    return *found;
  }

  const Json& array(const char* key) const {
    const Json& value = field(key);
    if (!value.is_array()) refuse(fmt::format("an array for {}", key), value.type_name());
    return value;
  }

  // Offsets and extents: whole numbers that fit an int64, so that later signed arithmetic is safe too.
  size_t number(const Json& value, const char* key) const {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      refuse(fmt::format("whole numbers from 0 to {} in {}", INT64_MAX, key),
             value.is_number() ? value.dump() : std::string(value.type_name()));
    return value.get<uint64_t>();
  }

  const FormatDType& dtype() const {
    const Json& value = field("dtype");
    if (!value.is_string()) refuse("a dtype name", value.type_name());
    const auto& name = value.get_ref<const std::string&>();
    for (const FormatDType& type : kDTypes)
      if (type.name == name) return type;
    refuse("a known dtype", in_quotes(name));
  }

  std::vector<int64_t> shape() const {
    std::vector<int64_t> extents;
    for (const Json& extent : array("shape")) extents.push_back(static_cast<int64_t>(number(extent, "shape")));
    return extents;
  }

  size_t bytes_of(const std::vector<int64_t>& shape, const FormatDType& type) const {
    int64_t count = 1;
    int64_t bits = 0;
    for (const int64_t extent : shape)
      if (__builtin_mul_overflow(count, extent, &count)) refuse("a size that fits 63 bits", text(shape));
    if (__builtin_mul_overflow(count, static_cast<int64_t>(type.bits), &bits))
      refuse("a size that fits 63 bits", text(shape));
    if (bits % 8 != 0) refuse("whole bytes", fmt::format("{} elements of {} bits", count, type.bits));
    return static_cast<size_t>(bits / 8);
  }

  static std::string text(const std::vector<int64_t>& shape) {
    constexpr size_t kShown = 16;
    std::string out = "[";
    for (size_t i = 0; i < std::min(shape.size(), kShown); ++i)
      out += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
    return out + (shape.size() > kShown ? ", …]" : "]");
  }

  std::string_view where_;
  const std::string& name_;
  const Json& value_;
};

std::map<std::string, std::string> read_metadata(const Json& value, std::string_view where) {
  if (value.is_null()) return {};  // as the reference reads it
  if (!value.is_object())
    fail(ErrorKind::BadFile, "{}: {}: expected an object of strings, got {}", where, kMetadata, value.type_name());
  std::map<std::string, std::string> metadata;
  for (const auto& item : value.items()) {
    if (!item.value().is_string())
      fail(ErrorKind::BadFile, "{}: {}: expected a string for {}, got {}", where, kMetadata, in_quotes(item.key()),
           item.value().type_name());
    metadata.emplace(item.key(), item.value().get_ref<const std::string&>());
  }
  return metadata;
}

// Sorted by offset, the tensors must lie end to end from 0 to the end of the file.
void check_tiling(const std::vector<SafetensorsEntry>& entries, size_t data_bytes, std::string_view where) {
  size_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != at)
      fail(ErrorKind::BadFile, "{}: tensor {}: expected to begin at byte {} of the data, got {} ({})", where,
           in_quotes(entry.name), at, entry.begin,
           entry.begin < at ? "overlaps the tensor before it" : "leaves a hole");
    if (entry.end > data_bytes)
      fail_with_hint(ErrorKind::BadFile, "an incomplete download: get the file again",
                     "{}: shorter than its header says: tensor {}: expected to end within {} bytes of data, got {}",
                     where, in_quotes(entry.name), data_bytes, entry.end);
    at = entry.end;
  }
  if (at != data_bytes)
    fail(ErrorKind::BadFile, "{}: expected the tensors to end with the file at byte {} of the data, got {}", where,
         data_bytes, at);
}

uint64_t load_little_endian(const std::byte* bytes) {
  uint64_t value = 0;
  for (size_t i = kLengthBytes; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes[i]);
  return value;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, std::string_view where,
                                           Strictness strictness) {
  if (file.size() < kLengthBytes) refuse_foreign_bytes(file, "safetensors", where);
  if (file.size() < kLengthBytes)
    fail_with_hint(ErrorKind::BadFile, "an incomplete download: get the file again",
                   "{}: expected at least {} bytes of safetensors, got {}", where, kLengthBytes, file.size());
  const uint64_t length = load_little_endian(file.data());
  if (length == 0 || length > kLongestHeader || length > file.size() - kLengthBytes)
    refuse_foreign_bytes(file, "safetensors", where);
  if (length > kLongestHeader)
    fail(ErrorKind::BadFile, "{}: expected a header of at most {} bytes, got {}: not a safetensors file?", where,
         kLongestHeader, length);
  if (length > file.size() - kLengthBytes)
    fail_with_hint(ErrorKind::BadFile, "an incomplete download: get the file again",
                   "{}: shorter than its beginning says: expected a header of {} bytes, got {} bytes after its length",
                   where, length, file.size() - kLengthBytes);

  std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes, length);
  if (!text.starts_with('{'))
    fail(ErrorKind::BadFile, "{}: expected a header that starts with '{{', got {}", where,
         in_quotes(text.substr(0, 1)));
  const std::string_view padding = strictness == Strictness::Lenient ? std::string_view(" \0", 2) : " ";
  const size_t last = text.find_last_not_of(padding);
  if (text[last] == '\0')
    fail_with_hint(ErrorKind::BadFile, "`lenient` reads it nevertheless",
                   "{}: expected a header padded with spaces, got NUL bytes", where);
  if (text[last] != '}')
    fail(ErrorKind::BadFile, "{}: expected a header that ends with '}}' and spaces, got {}", where,
         in_quotes(text.substr(last, 1)));

  text = text.substr(0, last + 1);

  const Json json = parse_json(text, where);
  SafetensorsHeader header;
  header.data_begin = kLengthBytes + length;
  header.entries.reserve(json.size());
  for (const auto& item : json.items()) {
    if (item.key() == kMetadata)
      header.metadata = read_metadata(item.value(), where);
    else
      header.entries.push_back(EntryReader(where, item.key(), item.value()).read());
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_tiling(header.entries, file.size() - header.data_begin, where);
  return header;
}

std::string_view safetensors_dtype_name(DType dtype) {
  for (const FormatDType& type : kDTypes)
    if (type.dtype == dtype) return type.name;
  fail(ErrorKind::Internal, "safetensors has no name for {}", to_string(dtype));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path, Strictness strictness)
    : WeightFile(path, [strictness](std::span<const std::byte> file, std::string_view where) {
        return parse_safetensors_header(file, where, strictness);
      }) {}

}  // namespace newbie
