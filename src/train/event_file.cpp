#include "train/event_file.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <chrono>
#include <system_error>

#include "core/append_file.h"
#include "core/error.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t rest = i;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0x82f63b78u : 0u);
    table[i] = rest;
  }
  return table;
}();

template <typename T>
void put_little_endian(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

// Protobuf: a field's number and wire type, then its value.
enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_key(std::string& out, uint64_t field, WireType type) { put_varint(out, field << 3 | type); }

void put_double(std::string& out, uint64_t field, double value) {
  put_key(out, field, kFixed64);
  put_little_endian(out, std::bit_cast<uint64_t>(value));
}

void put_bytes(std::string& out, uint64_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

std::chrono::microseconds since_1970() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
}

std::string event(int64_t step) {  // wall_time = 1, step = 2
  std::string out;
  put_double(out, 1, std::chrono::duration<double>(since_1970()).count());
  if (step != 0) {
    put_key(out, 2, kVarint);
    put_varint(out, static_cast<uint64_t>(step));
  }
  return out;
}

uint32_t masked(uint32_t crc) { return std::rotr(crc, 15) + 0xa282ead8u; }

std::string record(std::string_view message) {
  std::string out;
  put_little_endian(out, uint64_t{message.size()});
  put_little_endian(out, masked(crc32c(out)));
  out += message;
  put_little_endian(out, masked(crc32c(message)));
  return out;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

EventFile::EventFile(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorKind::BadFile, "{}: {}", folder.string(), error.message());
  // Readers take the files of a folder in the order of their names.
  const int64_t now = since_1970().count();
  path_ = folder / fmt::format("events.out.tfevents.{:010}.{:06}.newbie", now / 1'000'000, now % 1'000'000);
}

void EventFile::begin(int64_t step) {
  std::string version = event(0);
  put_bytes(version, 3, "brain.Event:2");  // file_version
  std::string session;
  put_key(session, 1, kVarint);  // SessionLog.status = START
  put_varint(session, 1);
  std::string start = event(step + 1);  // what follows begins there
  put_bytes(start, 7, session);
  append_to_file(path_, record(version) + record(start));
}

void EventFile::add(int64_t step, std::span<const Scalar> scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    std::string one;
    put_bytes(one, 1, tag);
    put_key(one, 2, kFixed32);  // simple_value
    put_little_endian(one, std::bit_cast<uint32_t>(static_cast<float>(value)));
    put_bytes(summary, 1, one);
  }
  std::string message = event(step);
  put_bytes(message, 5, summary);
  append_to_file(path_, record(message));
}

}  // namespace newbie
