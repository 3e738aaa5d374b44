// The wire format against its published examples (protobuf.dev/programming-guides/encoding).
#include "onnx/protobuf.h"

#include <gtest/gtest.h>

#include <limits>

namespace newbie::test {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int v : values) out += static_cast<char>(v);
  return out;
}

TEST(Protobuf, IntegersAreVarints) {
  ProtobufMessage m;
  m.integer(1, 150);
  EXPECT_EQ(m.encoded(), bytes({0x08, 0x96, 0x01}));
}

TEST(Protobuf, NegativeIntegersTakeTenBytes) {
  ProtobufMessage m;
  m.integer(1, -2);
  EXPECT_EQ(m.encoded(), bytes({0x08, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}));
}

TEST(Protobuf, LargestAndLeastInteger) {
  ProtobufMessage m;
  m.integer(1, std::numeric_limits<int64_t>::max());
  m.integer(1, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(m.encoded(), bytes({0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F,  //
                                0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}));
}

TEST(Protobuf, TextsHaveALength) {
  ProtobufMessage m;
  m.bytes(2, "testing");
  EXPECT_EQ(m.encoded(), bytes({0x12, 0x07}) + "testing");
}

TEST(Protobuf, MessagesInsideMessages) {
  ProtobufMessage inner, m;
  inner.integer(1, 150);
  m.message(3, inner);
  EXPECT_EQ(m.encoded(), bytes({0x1A, 0x03, 0x08, 0x96, 0x01}));
}

TEST(Protobuf, FieldsAboveFifteenHaveLongTags) {
  ProtobufMessage m;
  m.integer(20, 1);
  EXPECT_EQ(m.encoded(), bytes({0xA0, 0x01, 0x01}));
}

TEST(Protobuf, RealsAreLittleEndian) {
  ProtobufMessage m;
  m.real(2, 1.5F);
  EXPECT_EQ(m.encoded(), bytes({0x15, 0x00, 0x00, 0xC0, 0x3F}));
}

}  // namespace
}  // namespace newbie::test
