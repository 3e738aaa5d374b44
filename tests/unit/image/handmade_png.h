// PNG files put together by hand, so that the decoder meets kinds our encoder never writes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace newbie::test {

inline std::string be32(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
}

inline uint32_t crc32(std::string_view data) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int k = 0; k < 8; ++k) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
  }
  return ~crc;
}

inline std::string adler32(std::string_view data) {
  uint32_t a = 1, b = 0;
  for (const char c : data) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return be32(b << 16 | a);
}

// A zlib stream of one stored block (data below 64 KiB).
inline std::string zlib_stored(std::string_view data) {
  const auto n = static_cast<uint16_t>(data.size()), inverse = static_cast<uint16_t>(~n);
  const auto low = [](uint16_t v) { return static_cast<char>(v & 0xFF); };
  const auto high = [](uint16_t v) { return static_cast<char>(v >> 8); };
  std::string out = "\x78\x01\x01";
  out += {low(n), high(n), low(inverse), high(inverse)};
  return out + std::string(data) + adler32(data);
}

// A zlib stream that unpacks to 1 + 258 · runs times a letter below 144: fixed Huffman codes, 13 bits a run.
inline std::string zlib_bomb(size_t runs, char letter = 'a') {
  std::string out = "\x78\x01";
  uint32_t pending = 0;
  int bits = 0;
  const auto put = [&](uint32_t bit) {
    pending |= bit << bits;
    if (++bits == 8) {
      out += static_cast<char>(pending);
      pending = 0;
      bits = 0;
    }
  };
  const auto put_code = [&](uint32_t code, int length) {  // Huffman codes go highest bit first
    for (int k = length - 1; k >= 0; --k) put(code >> k & 1);
  };
  put(1);  // the last block
  put(1);  // type 1, lowest bit first
  put(0);
  put_code(0x30 + static_cast<uint32_t>(letter), 8);
  for (size_t k = 0; k < runs; ++k) {
    put_code(0xC5, 8);  // length 258
    put_code(0, 5);     // distance 1
  }
  put_code(0, 7);  // end of block
  while (bits != 0) put(0);
  return out + adler32(std::string(1 + 258 * runs, letter));
}

inline std::string chunk(const std::string& type, const std::string& data) {
  return be32(static_cast<uint32_t>(data.size())) + type + data + be32(crc32(type + data));
}

struct Header {
  uint32_t width, height;
  int depth, colour, interlace = 0;
};

inline std::string signature_and_header(const Header& h) {
  std::string out =
      std::string("\x89PNG\r\n\x1a\n") +
      chunk("IHDR", be32(h.width) + be32(h.height) + static_cast<char>(h.depth) + static_cast<char>(h.colour) +
                        std::string(2, '\0') + static_cast<char>(h.interlace));
  return out;
}

// `before` are whole chunks between header and data; `rows` are filtered rows as the format wants them.
inline std::string png_file(const Header& h, const std::string& before, const std::string& rows) {
  return signature_and_header(h) + before + chunk("IDAT", zlib_stored(rows)) + chunk("IEND", "");
}

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace newbie::test
