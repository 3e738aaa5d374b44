#include "text/sentencepiece_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "text/tokenizer_limits.h"
#include "text/utf8.h"

namespace newbie {
namespace {

enum class Wire : uint32_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct Field {
  uint64_t number = 0;
  Wire wire = Wire::Varint;
  uint64_t value = 0;                // Varint, Fixed32, Fixed64
  std::span<const std::byte> bytes;  // Bytes
};

// The fields of one protobuf message, in file order. Groups (wire types 3 and 4) are long gone from the format.
class MessageReader {
 public:
  MessageReader(std::span<const std::byte> bytes, std::string_view where) : rest_(bytes), where_(where) {}

  bool next(Field& field) {
    if (rest_.empty()) return false;
    const uint64_t key = varint();
    field.number = key >> 3;
    field.wire = static_cast<Wire>(key & 7);
    field.bytes = {};
    switch (field.wire) {
      case Wire::Varint: field.value = varint(); break;
      case Wire::Fixed64: field.value = fixed(8); break;
      case Wire::Fixed32: field.value = fixed(4); break;
      case Wire::Bytes: field.bytes = take(varint()); break;
      default: fail(ErrorKind::BadFile, "{}: not a SentencePiece model: wire type {}", where_, key & 7);
    }
    return true;
  }

 private:
  std::span<const std::byte> take(uint64_t count) {
    if (count > rest_.size()) {
      fail(ErrorKind::BadFile, "{}: not a SentencePiece model: a field of {} bytes where {} are left", where_, count,
           rest_.size());
    }
    const auto out = rest_.first(static_cast<size_t>(count));
    rest_ = rest_.subspan(static_cast<size_t>(count));
    return out;
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = std::to_integer<uint64_t>(take(1)[0]);
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail(ErrorKind::BadFile, "{}: not a SentencePiece model: a number of more than 10 bytes", where_);
  }

  uint64_t fixed(size_t count) {
    const auto bytes = take(count);
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;) value = (value << 8) | std::to_integer<uint64_t>(bytes[i]);
    return value;
  }

  std::span<const std::byte> rest_;
  std::string_view where_;
};

std::string to_string(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void require_wire(const Field& field, Wire wire, std::string_view what, std::string_view where) {
  if (field.wire == wire) return;
  fail(ErrorKind::BadFile, "{}: not a SentencePiece model: {} has wire type {}, expected {}", where, what,
       static_cast<uint32_t>(field.wire), static_cast<uint32_t>(wire));
}

SentencePieceModel::Piece read_piece(std::span<const std::byte> bytes, size_t id, std::string_view where) {
  SentencePieceModel::Piece piece;
  MessageReader reader(bytes, where);
  for (Field field; reader.next(field);) {
    if (field.number == 1) {
      require_wire(field, Wire::Bytes, "a piece's text", where);
      piece.text = to_string(field.bytes);
    } else if (field.number == 2) {
      require_wire(field, Wire::Fixed32, "a piece's score", where);
      piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    } else if (field.number == 3) {
      require_wire(field, Wire::Varint, "a piece's type", where);
      if (field.value < 1 || field.value > 6) {
        fail(ErrorKind::BadFile, "{}: piece {} has type {}, expected 1 to 6", where, id, field.value);
      }
      piece.type = static_cast<SentencePieceModel::PieceType>(field.value);
    }
  }
  if (piece.text.empty() || piece.text.size() > kMaxPieceBytes) {
    fail(ErrorKind::BadFile, "{}: piece {} has {} bytes, expected 1 to {}", where, id, piece.text.size(),
         kMaxPieceBytes);
  }
  if (find_invalid_utf8(piece.text)) fail(ErrorKind::BadFile, "{}: piece {} is not UTF-8", where, id);
  if (!std::isfinite(piece.score)) fail(ErrorKind::BadFile, "{}: piece {} has the score {}", where, id, piece.score);
  return piece;
}

void read_trainer_settings(std::span<const std::byte> bytes, SentencePieceModel& model, std::string_view where) {
  MessageReader reader(bytes, where);
  for (Field field; reader.next(field);) {
    if (field.number != 3) continue;
    require_wire(field, Wire::Varint, "the model type", where);
    if (field.value < 1 || field.value > 4) {
      fail(ErrorKind::BadFile, "{}: SentencePiece model type {}, expected 1 to 4", where, field.value);
    }
    model.algorithm = static_cast<SentencePieceModel::Algorithm>(field.value);
  }
}

void read_normalizer_settings(std::span<const std::byte> bytes, SentencePieceModel& model, std::string_view where) {
  MessageReader reader(bytes, where);
  for (Field field; reader.next(field);) {
    if (field.number == 2) {
      require_wire(field, Wire::Bytes, "the character map", where);
      model.charsmap = to_string(field.bytes);
    } else if (field.number >= 3 && field.number <= 5) {
      require_wire(field, Wire::Varint, "a normaliser flag", where);
      bool& flag = field.number == 3   ? model.add_dummy_prefix
                   : field.number == 4 ? model.remove_extra_whitespaces
                                       : model.escape_whitespaces;
      flag = field.value != 0;
    }
  }
}

void append_number(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void append_key(std::string& out, uint32_t field, Wire wire) {
  append_number(out, uint64_t{field} << 3 | static_cast<uint64_t>(wire));
}
void append_setting(std::string& out, uint32_t field, uint64_t value) {
  append_key(out, field, Wire::Varint);
  append_number(out, value);
}
void append_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  append_key(out, field, Wire::Bytes);
  append_number(out, bytes.size());
  out += bytes;
}

}  // namespace

std::string write_sentencepiece_model(const SentencePieceModel& model) {
  std::string out;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    std::string one;
    append_bytes(one, 1, piece.text);
    append_key(one, 2, Wire::Fixed32);
    const auto bits = std::bit_cast<uint32_t>(piece.score);
    for (int shift = 0; shift < 32; shift += 8) one += static_cast<char>(bits >> shift);
    if (piece.type != SentencePieceModel::PieceType::Normal) append_setting(one, 3, static_cast<uint64_t>(piece.type));
    append_bytes(out, 1, one);
  }
  std::string trainer, normalizer;
  constexpr uint32_t kModelType = 3, kVocabularySize = 4, kByteFallback = 35;
  append_setting(trainer, kModelType, static_cast<uint64_t>(model.algorithm));
  append_setting(trainer, kVocabularySize, model.pieces.size());
  append_setting(trainer, kByteFallback, 1);
  // The ids of special tokens, which a program that reads the file wants to find where they are.
  const auto id_of = [&](std::initializer_list<std::string_view> texts) -> std::optional<size_t> {
    for (size_t id = 0; id < model.pieces.size(); ++id)
      if (std::ranges::find(texts, std::string_view(model.pieces[id].text)) != texts.end()) return id;
    return std::nullopt;
  };
  constexpr uint32_t kUnknownId = 40, kBeginId = 41, kEndId = 42, kPaddingId = 43;
  for (const auto& [field, id] : {std::pair{kUnknownId, id_of({"<unk>"})},
                                  {kBeginId, id_of({"<bos>", "<s>"})},
                                  {kEndId, id_of({"<eos>", "</s>"})},
                                  {kPaddingId, id_of({"<pad>"})}})
    if (id) {
      constexpr uint32_t kTextAfterId = 5;  // unk_piece is 45, and so on
      append_setting(trainer, field, *id);
      append_bytes(trainer, field + kTextAfterId, model.pieces[*id].text);
    }
  append_bytes(out, 2, trainer);
  append_bytes(normalizer, 1, "identity");
  append_bytes(normalizer, 2, model.charsmap);
  append_setting(normalizer, 3, model.add_dummy_prefix ? 1 : 0);
  append_setting(normalizer, 4, model.remove_extra_whitespaces ? 1 : 0);
  append_setting(normalizer, 5, model.escape_whitespaces ? 1 : 0);
  append_bytes(out, 3, normalizer);
  return out;
}

SentencePieceModel read_sentencepiece_model(std::span<const std::byte> bytes, std::string_view where) {
  SentencePieceModel model;
  MessageReader reader(bytes, where);
  for (Field field; reader.next(field);) {
    if (field.number < 1 || field.number > 3) continue;
    require_wire(field, Wire::Bytes, "a part of the model", where);
    if (field.number == 1) {
      if (model.pieces.size() == kMaxVocabulary) {
        fail(ErrorKind::BadFile, "{}: more than {} pieces", where, kMaxVocabulary);
      }
      model.pieces.push_back(read_piece(field.bytes, model.pieces.size(), where));
    } else if (field.number == 2) {
      read_trainer_settings(field.bytes, model, where);
    } else {
      read_normalizer_settings(field.bytes, model, where);
    }
  }
  if (model.pieces.empty()) fail(ErrorKind::BadFile, "{}: not a SentencePiece model: it has no pieces", where);
  return model;
}

}  // namespace newbie
