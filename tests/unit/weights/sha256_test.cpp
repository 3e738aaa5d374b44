// SHA-256, against FIPS 180-4's examples and Python's hashlib, both ways of computing it.
#include "weights/sha256.h"

#include <gtest/gtest.h>

namespace newbie {
namespace {

std::string hash_of(std::string_view text, bool instructions, size_t piece = SIZE_MAX) {
  Sha256 hash;
  hash.use_instructions(instructions);
  for (size_t at = 0; at < text.size(); at += std::min(piece, text.size() - at))
    hash.add(std::as_bytes(std::span(text.substr(at, piece))));
  return hash.hex();
}

TEST(Sha256, IsWhatTheStandardSays) {
  for (const bool instructions : {false, true}) {
    EXPECT_EQ(hash_of("", instructions), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hash_of("abc", instructions), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", instructions),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(hash_of(std::string(1000000, 'a'), instructions, 997),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

// Around the ends of blocks, where what is left has to be filled up.
TEST(Sha256, EveryLengthAndEveryCutIsTheSame) {
  std::string text, all;
  for (int i = 0; i < 200; ++i) {
    text += static_cast<char>(i * 37 + 11);
    const std::string plain = hash_of(text, false);
    EXPECT_EQ(hash_of(text, true), plain) << i;
    for (const size_t piece : {1, 7, 63, 64, 65}) EXPECT_EQ(hash_of(text, true, piece), plain) << i << " by " << piece;
    all += plain;
  }
  EXPECT_EQ(hash_of(all, true), "7eab39646d5b9c34d3553c1460f5171f0bd48ec0391279d27ebae861b47b5832");
}

TEST(Sha256, NumbersAreEightBytes) {
  Sha256 number;
  number.add(uint64_t{0x0807060504030201});
  EXPECT_EQ(number.hex(), hash_of("\1\2\3\4\5\6\7\10", true));
}

}  // namespace
}  // namespace newbie
