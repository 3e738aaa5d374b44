#include "text/precompiled_charsmap.h"

#include "core/error.h"
#include "text/grapheme.h"

namespace newbie {
namespace {

// A darts-clone unit: bits 0-7 label, bit 8 "a value unit hangs below", bits 10-30 offset (shifted by 8 when bit 9 is
// set), bit 31 "this unit is a value" (then bits 0-30 are the value).
bool has_leaf(uint32_t unit) { return (unit >> 8) & 1; }
uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFFu; }
uint32_t label_of(uint32_t unit) { return unit & 0x800000FFu; }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }

uint32_t read_u32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = (value << 8) | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

constexpr size_t kWholeClusterBytes = 6;  // clusters shorter than this are looked up as a whole

}  // namespace

PrecompiledCharsmap::PrecompiledCharsmap(std::string_view bytes, std::string_view where) : where_(where) {
  if (bytes.size() < 4)
    fail(ErrorKind::BadFile, "{}: character map of {} bytes, expected at least 4", where, bytes.size());
  const size_t trie_bytes = read_u32(bytes, 0);
  if (trie_bytes > bytes.size() - 4 || trie_bytes % 4 != 0 || trie_bytes == 0) {
    fail(ErrorKind::BadFile, "{}: character map of {} bytes claims a table of {} bytes", where, bytes.size(),
         trie_bytes);
  }
  units_.reserve(trie_bytes / 4);
  for (size_t at = 4; at < 4 + trie_bytes; at += 4) units_.push_back(read_u32(bytes, at));
  pool_ = bytes.substr(4 + trie_bytes);
  if (const auto bad = find_invalid_utf8(pool_)) {
    fail(ErrorKind::BadFile, "{}: character map: replacement strings are not UTF-8 at byte {}", where, *bad);
  }
}

void PrecompiledCharsmap::fail_damaged() const {
  fail(ErrorKind::BadFile, "{}: character map is damaged: an index points outside of its table", where_);
}

std::optional<uint32_t> PrecompiledCharsmap::find_shortest_prefix(std::string_view key) const {
  uint32_t position = offset_of(units_[0]);
  for (const char c : key) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte == 0) return std::nullopt;  // NUL ends every key of the table
    position ^= byte;
    if (position >= units_.size()) fail_damaged();
    const uint32_t unit = units_[position];
    if (label_of(unit) != byte) return std::nullopt;
    position ^= offset_of(unit);
    if (has_leaf(unit)) {
      if (position >= units_.size()) fail_damaged();
      return value_of(units_[position]);
    }
  }
  return std::nullopt;
}

bool PrecompiledCharsmap::replace(std::string_view key, size_t begin, std::vector<Character>& out) const {
  const std::optional<uint32_t> offset = find_shortest_prefix(key);
  if (!offset) return false;
  if (*offset >= pool_.size()) fail_damaged();
  const std::string_view rest = std::string_view(pool_).substr(*offset);
  const std::optional<std::u32string> replacement = to_code_points(rest.substr(0, rest.find('\0')));
  if (!replacement) fail_damaged();
  for (const char32_t c : *replacement) out.push_back({c, begin});
  return true;
}

std::vector<Character> PrecompiledCharsmap::normalize(std::span<const Character> text) const {
  std::vector<Character> out;
  out.reserve(text.size());
  std::string key;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = grapheme_cluster_end(text, begin);
    const std::span<const Character> cluster = text.subspan(begin, end - begin);
    begin = end;
    key.clear();
    for (size_t i = 0; i < cluster.size() && key.size() < kWholeClusterBytes; ++i) {
      append_utf8(key, cluster[i].code_point);
    }
    if (key.size() < kWholeClusterBytes && replace(key, cluster.front().begin, out)) continue;
    for (const Character& character : cluster) {
      key.clear();
      append_utf8(key, character.code_point);
      if (!replace(key, character.begin, out)) out.push_back(character);
    }
  }
  return out;
}

}  // namespace newbie
