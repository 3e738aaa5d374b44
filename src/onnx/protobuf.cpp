#include "onnx/protobuf.h"

#include <bit>

namespace newbie {

namespace {
// Wire types.
constexpr int kVarint = 0, kLengthDelimited = 2, kFixed32 = 5;
}  // namespace

void ProtobufMessage::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) encoded_ += static_cast<char>((value & 0x7F) | 0x80);
  encoded_ += static_cast<char>(value);
}

void ProtobufMessage::tag(int field, int wire_type) {
  varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
}

void ProtobufMessage::integer(int field, int64_t value) {
  tag(field, kVarint);
  varint(static_cast<uint64_t>(value));  // a negative one takes ten bytes
}

void ProtobufMessage::real(int field, float value) {
  tag(field, kFixed32);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) encoded_ += static_cast<char>(bits >> shift & 0xFF);
}

void ProtobufMessage::bytes(int field, std::string_view value) {
  tag(field, kLengthDelimited);
  varint(value.size());
  encoded_ += value;
}

}  // namespace newbie
