#include "weights/formats/gguf_keys.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/printable.h"
#include "weights/formats/little_endian.h"

namespace newbie {

namespace {

constexpr int kDeepestArray = 4;

struct KindRow {
  std::string_view name;
  size_t bytes;  // of a number; the least of others
};
constexpr std::array<KindRow, 13> kKinds{{{"u8", 1},
                                          {"i8", 1},
                                          {"u16", 2},
                                          {"i16", 2},
                                          {"u32", 4},
                                          {"i32", 4},
                                          {"f32", 4},
                                          {"bool", 1},
                                          {"text", 8},
                                          {"array", 12},
                                          {"u64", 8},
                                          {"i64", 8},
                                          {"f64", 8}}};

size_t least_bytes(GgufKind kind) { return kKinds[static_cast<size_t>(kind)].bytes; }
bool is_number(GgufKind kind) { return kind != GgufKind::Text && kind != GgufKind::Array; }

double number_at(std::span<const std::byte> bytes, GgufKind kind) {
  LittleEndianReader reader(bytes, "");
  const uint64_t bits = reader.number(least_bytes(kind), "a number");
  switch (kind) {
    case GgufKind::I8: return static_cast<int8_t>(bits);
    case GgufKind::I16: return static_cast<int16_t>(bits);
    case GgufKind::I32: return static_cast<int32_t>(bits);
    case GgufKind::I64: return static_cast<double>(static_cast<int64_t>(bits));
    case GgufKind::F32: return double{std::bit_cast<float>(static_cast<uint32_t>(bits))};
    case GgufKind::F64: return std::bit_cast<double>(bits);
    default: return static_cast<double>(bits);
  }
}

class ValueReader {
 public:
  ValueReader(LittleEndianReader& reader, std::string_view where, std::string_view key)
      : reader_(reader), where_(where), key_(key), what_("the value of key " + in_quotes(key)) {}

  GgufValue read() {
    GgufValue value{.kind = kind()};
    if (value.kind != GgufKind::Array) {
      const size_t begin = reader_.position();
      skip(value.kind, 0);
      value.bytes = reader_.since(begin);
      return value;
    }
    value.element = kind();
    value.count = array_count(*value.element);
    const size_t begin = reader_.position();
    skip_elements(*value.element, value.count, 1);
    value.bytes = reader_.since(begin);
    return value;
  }

 private:
  GgufKind kind() {
    const uint32_t number = reader_.u32(what_);
    if (number >= kKinds.size())
      fail(ErrorKind::BadFile, "{}: key {}: expected a kind of value from 0 to {}, got {}", where_, in_quotes(key_),
           kKinds.size() - 1, number);
    return static_cast<GgufKind>(number);
  }

  uint64_t array_count(GgufKind element) {
    const uint64_t count = reader_.u64(what_);
    if (count > reader_.left() / least_bytes(element))
      fail_with_hint(ErrorKind::BadFile, "an incomplete download: get the file again",
                     "{}: key {}: expected an array that fits the file, got {} elements and {} bytes to come", where_,
                     in_quotes(key_), count, reader_.left());
    return count;
  }

  void skip(GgufKind kind, int depth) {
    if (kind == GgufKind::Text) {
      reader_.text(what_);
    } else if (kind == GgufKind::Array) {
      if (depth >= kDeepestArray)
        fail(ErrorKind::BadFile, "{}: key {}: expected arrays nested at most {} deep, got more", where_,
             in_quotes(key_), kDeepestArray);
      const GgufKind element = this->kind();
      skip_elements(element, array_count(element), depth + 1);
    } else {
      reader_.take(least_bytes(kind), what_);
    }
  }

  void skip_elements(GgufKind element, uint64_t count, int depth) {
    if (is_number(element)) {
      reader_.take(count * least_bytes(element), what_);  // no more than is left: array_count() asked
      return;
    }
    for (uint64_t i = 0; i < count; ++i) skip(element, depth);
  }

  LittleEndianReader& reader_;
  std::string_view where_, key_;
  std::string what_;
};

[[noreturn]] void refuse_kind(std::string_view where, std::string_view key, std::string_view expected,
                              const GgufValue& value) {
  fail(ErrorKind::BadFile, "{}: key {}: expected {}, got {}", where, in_quotes(key), expected, value.str());
}

// What a scalar key has to be. The first row whose beginning and end fit is right.
enum class Wanted { Text, Whole, Fraction };
struct KeyRow {
  std::string_view begins, ends;
  Wanted wanted;
};
constexpr KeyRow kKnown[] = {
    {"general.architecture", "", Wanted::Text},
    {"general.type", "", Wanted::Text},
    {"newbie.config", "", Wanted::Text},
    {"gemma3.", "scaling.type", Wanted::Text},
    {"gemma3.", "epsilon", Wanted::Fraction},
    {"gemma3.", "freq_base", Wanted::Fraction},
    {"gemma3.", "freq_base_swa", Wanted::Fraction},
    {"gemma3.", "factor", Wanted::Fraction},
    {"gemma3.", "softcapping", Wanted::Fraction},
    {"gemma3.", "_count", Wanted::Whole},
    {"gemma3.", "_length", Wanted::Whole},
    {"gemma3.", "head_count_kv", Wanted::Whole},
    {"gemma3.", "sliding_window", Wanted::Whole},
    {"tokenizer.ggml.model", "", Wanted::Text},
    {"tokenizer.ggml.", "_token_id", Wanted::Whole},
    {"split.", "", Wanted::Whole},
};

bool is_wanted(Wanted wanted, GgufKind kind) {
  switch (wanted) {
    case Wanted::Text: return kind == GgufKind::Text;
    case Wanted::Whole: return is_whole_number(kind);
    case Wanted::Fraction: return is_fraction(kind);
  }
  return false;
}

std::string_view word(Wanted wanted) {
  switch (wanted) {
    case Wanted::Text: return "a text";
    case Wanted::Whole: return "a whole number";
    case Wanted::Fraction: return "an f32 or f64";
  }
  return "";
}

void check_tokenizer(const GgufKeys& keys, std::string_view where) {
  const GgufValue* tokens = keys.find("tokenizer.ggml.tokens");
  if (tokens == nullptr) return;
  if (tokens->element != GgufKind::Text) refuse_kind(where, "tokenizer.ggml.tokens", "an array of texts", *tokens);
  for (const std::string_view key : {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"}) {
    const GgufValue* beside = keys.find(key);
    if (beside == nullptr) continue;
    if (!beside->element || !is_number(*beside->element)) refuse_kind(where, key, "an array of numbers", *beside);
    if (beside->count != tokens->count)
      fail(ErrorKind::BadFile, "{}: key {}: expected one for each of {} tokens, got {}", where, in_quotes(key),
           tokens->count, beside->count);
  }
}

}  // namespace

std::string_view to_string(GgufKind kind) { return kKinds[static_cast<size_t>(kind)].name; }

bool is_fraction(GgufKind kind) { return kind == GgufKind::F32 || kind == GgufKind::F64; }
bool is_whole_number(GgufKind kind) { return is_number(kind) && !is_fraction(kind) && kind != GgufKind::Bool; }

std::string GgufValue::str() const {
  return element ? fmt::format("an array of {} {}", count, to_string(*element)) : std::string(to_string(kind));
}

void GgufKeys::read(LittleEndianReader& reader, uint64_t count, std::string_view where) {
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key(reader.text("a key"));
    if (key.empty()) fail(ErrorKind::BadFile, "{}: expected keys with names, got an empty one", where);
    ValueReader value(reader, where, key);
    if (!values_.emplace(key, value.read()).second)
      fail(ErrorKind::BadFile, "{}: expected each key once, got {} twice", where, in_quotes(key));
  }
}

const GgufValue* GgufKeys::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::optional<double> GgufKeys::number(std::string_view key, std::string_view where) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!is_number(value->kind)) refuse_kind(where, key, "a number", *value);
  return number_at(value->bytes, value->kind);
}

std::optional<std::string> GgufKeys::text(std::string_view key, std::string_view where) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->kind != GgufKind::Text) refuse_kind(where, key, "a text", *value);
  LittleEndianReader reader(value->bytes, where);
  return std::string(reader.text(key));
}

std::optional<std::vector<double>> GgufKeys::numbers(std::string_view key, std::string_view where) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->element || !is_number(*value->element)) refuse_kind(where, key, "an array of numbers", *value);
  const size_t size = least_bytes(*value->element);
  std::vector<double> out;
  for (size_t at = 0; at < value->bytes.size(); at += size)
    out.push_back(number_at(value->bytes.subspan(at, size), *value->element));
  return out;
}

std::optional<std::vector<std::string>> GgufKeys::texts(std::string_view key, std::string_view where) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->element != GgufKind::Text) refuse_kind(where, key, "an array of texts", *value);
  LittleEndianReader reader(value->bytes, where);
  std::vector<std::string> out;
  for (uint64_t i = 0; i < value->count; ++i) out.emplace_back(reader.text(key));
  return out;
}

Json GgufKeys::scalars(std::string_view prefix, std::string_view where) const {
  Json out = Json::object();
  for (auto it = values_.lower_bound(prefix); it != values_.end() && it->first.starts_with(prefix); ++it) {
    const auto& [key, value] = *it;
    const std::string name = key.substr(prefix.size());
    if (value.kind == GgufKind::Text)
      out[name] = *text(key, where);
    else if (is_number(value.kind))
      out[name] = *number(key, where);
  }
  return out;
}

void check_known_keys(const GgufKeys& keys, std::string_view where) {
  for (const auto& [key, value] : keys.all()) {
    const auto fits = [&name = key](const KeyRow& row) {
      return row.ends.empty() ? name.starts_with(row.begins) : name.starts_with(row.begins) && name.ends_with(row.ends);
    };
    const auto* const row = std::find_if(std::begin(kKnown), std::end(kKnown), fits);
    if (row != std::end(kKnown) && !is_wanted(row->wanted, value.kind))
      refuse_kind(where, key, word(row->wanted), value);
  }
  check_tokenizer(keys, where);
}

}  // namespace newbie
