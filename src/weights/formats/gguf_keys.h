// The keys of a GGUF file (spec/gguf.md §1): typed values by name, left where they lie in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace newbie {

class LittleEndianReader;

// As numbered in the file.
enum class GgufKind : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64 };
std::string_view to_string(GgufKind kind);  // "u8", …, "text", "array"

bool is_whole_number(GgufKind kind);
bool is_fraction(GgufKind kind);  // F32, F64

struct GgufValue {
  GgufKind kind = GgufKind::U8;
  std::optional<GgufKind> element;   // of an array
  uint64_t count = 1;                // of an array's elements
  std::span<const std::byte> bytes;  // numbers and texts as the file has them, without an array's kind and count

  std::string str() const;  // what it is, for messages: "u32", "array of 3 text"
};

class GgufKeys {
 public:
  // Reads `count` keys. Error{BadFile} naming `where` and the key for what breaks a rule of the format, for a key that
  // comes twice, and for arrays nested more than four deep.
  void read(LittleEndianReader& reader, uint64_t count, std::string_view where);

  const GgufValue* find(std::string_view key) const;  // or nullptr
  const std::map<std::string, GgufValue, std::less<>>& all() const { return values_; }
  bool empty() const { return values_.empty(); }

  // The value of a key, nothing when it is absent. Error{BadFile} naming `where` and the key when it is of another
  // kind.
  std::optional<double> number(std::string_view key, std::string_view where) const;  // of any kind but text and array
  std::optional<std::string> text(std::string_view key, std::string_view where) const;
  std::optional<std::vector<double>> numbers(std::string_view key, std::string_view where) const;
  std::optional<std::vector<std::string>> texts(std::string_view key, std::string_view where) const;

  // The scalars whose names begin with `prefix`, by the rest of their names.
  Json scalars(std::string_view prefix, std::string_view where) const;

 private:
  std::map<std::string, GgufValue, std::less<>> values_;
};

// That the keys which models of this family carry are of the kinds they are written in, arrays that belong together of
// one length. Error{BadFile} naming `where` and the key.
void check_known_keys(const GgufKeys& keys, std::string_view where);

}  // namespace newbie
