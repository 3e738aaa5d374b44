// SentencePiece's compiled normalisation table (`nmt_nfkc`), applied the way HuggingFace's Precompiled normaliser does.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/utf8.h"

namespace newbie {

// Layout: u32 little-endian size of a double array in bytes; the double array (32-bit darts-clone units, byte labels,
// value = offset in the pool); a pool of NUL-terminated UTF-8 strings.
class PrecompiledCharsmap {
 public:
  // Error{BadFile} naming `where` when the sizes do not fit together or the pool is not UTF-8.
  PrecompiledCharsmap(std::string_view bytes, std::string_view where);

  // A grapheme cluster of fewer than 6 bytes is looked up as a whole, other clusters character by character. The
  // replacement of the *shortest* matching prefix stands for all of what was looked up; no match copies it.
  // SentencePiece takes the longest match at each byte instead, so that e.g. U+304B U+3099 (6 bytes) composes there and
  // not here, and "e" U+0302 U+0301 gives U+1EBF there and U+00EA here.
  // Error{BadFile} when a look-up leaves the table.
  std::vector<Character> normalize(std::span<const Character> text) const;

 private:
  std::optional<uint32_t> find_shortest_prefix(std::string_view key) const;  // offset in the pool
  bool replace(std::string_view key, size_t begin, std::vector<Character>& out) const;
  [[noreturn]] void fail_damaged() const;

  std::vector<uint32_t> units_;
  std::string pool_;
  std::string where_;
};

}  // namespace newbie
