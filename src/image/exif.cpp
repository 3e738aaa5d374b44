#include "image/exif.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/error.h"
#include "image/tiff_directory.h"
#include "image/unicode.h"

namespace newbie {

namespace {

constexpr std::string_view kPrefix{"Exif\0\0", 6};
constexpr std::string_view kUnicode{"UNICODE\0", 8}, kAscii{"ASCII\0\0\0", 8};
constexpr size_t kCodeBytes = 8;  // the name of the character set in front of a UserComment

enum Tag : uint16_t {
  kImageDescription = 0x010E,
  kMake = 0x010F,
  kModel = 0x0110,
  kOrientation = 0x0112,
  kExifDirectory = 0x8769,
  kUserComment = 0x9286,
};
constexpr uint16_t kTextTags[] = {kImageDescription, kMake, kModel};

std::string readable(std::string_view bytes) {
  bytes = bytes.substr(0, bytes.find('\0'));
  return is_utf8(bytes) ? std::string(bytes) : latin1_to_utf8(bytes);
}

// Writers disagree about the byte order, so it is taken from the text: most of it is ASCII, whose high bytes are zero.
std::string utf16_comment(std::string_view bytes) {
  size_t even_zeros = 0, odd_zeros = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    even_zeros += bytes[i] == 0;
    odd_zeros += bytes[i + 1] == 0;
  }
  bool little = odd_zeros > even_zeros;
  if (bytes.starts_with("\xFE\xFF") || bytes.starts_with("\xFF\xFE")) {
    little = bytes[0] == '\xFF';
    bytes.remove_prefix(2);
  }
  std::u16string text;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const auto first = static_cast<unsigned char>(bytes[i]), second = static_cast<unsigned char>(bytes[i + 1]);
    text += static_cast<char16_t>(little ? second << 8 | first : first << 8 | second);
  }
  while (text.ends_with(u'\0')) text.pop_back();
  return utf16_to_utf8(text);
}

std::string user_comment(std::string_view value) {
  if (value.size() < kCodeBytes) return readable(value);
  const std::string_view code = value.substr(0, kCodeBytes), text = value.substr(kCodeBytes);
  if (code == kUnicode) return utf16_comment(text);
  if (code == kAscii || code.find_first_not_of('\0') == std::string_view::npos) return readable(text);
  return readable(value);
}

// "workflow:{…" as a text with a key.
std::optional<TextChunk> keyed(std::string_view text) {
  const size_t colon = text.find(":{");
  if (colon == std::string_view::npos || colon == 0 || colon > 40) return std::nullopt;
  const std::string_view key = text.substr(0, colon);
  const bool word = std::ranges::all_of(key, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  if (!word) return std::nullopt;
  return TextChunk{std::string(key), std::string(text.substr(colon + 1))};
}

std::string big_endian(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}

struct NewEntry {
  uint16_t tag, type;
  std::string value;
};

// A directory that lies at `offset`, with the values behind it.
std::string directory_bytes(const std::vector<NewEntry>& entries, size_t offset) {
  std::string rows = big_endian(static_cast<uint32_t>(entries.size()), 2), values;
  const size_t values_at = offset + 2 + 12 * entries.size() + 4;
  for (const NewEntry& e : entries) {
    const size_t unit = tiff_type_bytes(e.type);
    rows += big_endian(e.tag, 2) + big_endian(e.type, 2) + big_endian(static_cast<uint32_t>(e.value.size() / unit), 4);
    if (e.value.size() <= 4) {
      rows += e.value + std::string(4 - e.value.size(), '\0');
    } else {
      rows += big_endian(static_cast<uint32_t>(values_at + values.size()), 4);
      values += e.value;
      if (values.size() % 2 != 0) values += '\0';  // values start on even offsets
    }
  }
  return rows + big_endian(0, 4) + values;  // no further directory
}

}  // namespace

Exif read_exif(std::span<const std::byte> bytes, size_t max_text_bytes) {
  std::string_view block(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (block.starts_with(kPrefix)) block.remove_prefix(kPrefix.size());
  Exif out;
  TiffBlock tiff(block);
  if (!tiff.open()) return out;
  std::vector<TiffEntry> entries = tiff.directory(tiff.first_directory());
  for (const TiffEntry& e : std::vector<TiffEntry>(entries)) {
    if (e.tag != kExifDirectory || e.type != kTiffLong || e.value.size() != 4) continue;
    const std::vector<TiffEntry> inner = tiff.directory(tiff.number(e.value));
    entries.insert(entries.end(), inner.begin(), inner.end());
    break;
  }
  std::set<uint16_t> seen;  // thousands of entries may share the bytes of one long text
  for (const TiffEntry& e : entries) {
    if (!seen.insert(e.tag).second) continue;
    if (e.tag == kOrientation && e.type == kTiffShort && e.value.size() == 2) {
      const uint32_t value = tiff.number(e.value);
      if (value >= 1 && value <= 8) out.orientation = static_cast<int>(value);
    } else if (e.value.size() > max_text_bytes) {
      continue;
    } else if (e.tag == kUserComment && tiff_type_bytes(e.type) == 1) {
      if (std::string text = user_comment(e.value); !text.empty()) out.texts.push_back({"parameters", std::move(text)});
    } else if (std::ranges::find(kTextTags, e.tag) != std::end(kTextTags) && e.type == kTiffAscii) {
      if (auto text = keyed(readable(e.value))) out.texts.push_back(std::move(*text));
    }
  }
  return out;
}

std::vector<std::byte> write_exif(std::span<const TextChunk> texts) {
  std::vector<NewEntry> outer, inner;
  for (const TextChunk& chunk : texts) {
    if (!is_utf8(chunk.text) || chunk.text.find('\0') != std::string::npos)
      fail(ErrorKind::InvalidRequest, "EXIF text '{}': expected UTF-8 without zero bytes", chunk.key);
    if (chunk.text.size() > size_t{1} << 28)
      fail(ErrorKind::InvalidRequest, "EXIF text '{}': {} bytes are too many", chunk.key, chunk.text.size());
    if (chunk.key == "parameters" && inner.empty()) {
      std::string value(kUnicode);
      for (const char16_t c : utf8_to_utf16(chunk.text)) value += big_endian(c, 2);
      inner.push_back({kUserComment, kTiffUndefined, std::move(value)});
      continue;
    }
    if (outer.size() == std::size(kTextTags))
      fail(ErrorKind::InvalidRequest, "EXIF has room for {} texts beside the parameters", std::size(kTextTags));
    outer.push_back({kTextTags[outer.size()], kTiffAscii, chunk.key + ":" + chunk.text + '\0'});
  }
  if (outer.empty() && inner.empty()) return {};
  constexpr size_t kFirstDirectory = 8;
  if (!inner.empty()) outer.push_back({kExifDirectory, kTiffLong, big_endian(0, 4)});
  const size_t inner_at = kFirstDirectory + directory_bytes(outer, kFirstDirectory).size();
  if (!inner.empty()) outer.back().value = big_endian(static_cast<uint32_t>(inner_at), 4);
  std::string block = "MM" + big_endian(42, 2) + big_endian(kFirstDirectory, 4);
  block += directory_bytes(outer, kFirstDirectory);
  if (!inner.empty()) block += directory_bytes(inner, inner_at);
  const auto* first = reinterpret_cast<const std::byte*>(block.data());
  return {first, first + block.size()};
}

}  // namespace newbie
