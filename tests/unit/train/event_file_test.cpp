// Event files as TensorBoard reads them: framing and checksums by RFC 3720, fields by the protobuf wire format.
#include "train/event_file.h"

#include <gmock/gmock.h>

#include <bit>
#include <cstring>

#include "../core/temporary_folder.h"
#include "core/files.h"

namespace newbie::test {
namespace {

uint64_t little_endian(std::string_view bytes) {
  uint64_t out = 0;
  for (size_t i = bytes.size(); i > 0; --i) out = out << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return out;
}

// TFRecord's mask, undone.
uint32_t unmasked(uint64_t masked) { return std::rotl(static_cast<uint32_t>(masked) - 0xa282ead8u, 15); }

std::vector<std::string> records(std::string_view file) {
  std::vector<std::string> out;
  while (file.size() >= 12) {
    const uint64_t length = little_endian(file.substr(0, 8));
    EXPECT_EQ(unmasked(little_endian(file.substr(8, 4))), crc32c(file.substr(0, 8)));
    if (file.size() < 16 + length) break;
    const std::string_view message = file.substr(12, length);
    EXPECT_EQ(unmasked(little_endian(file.substr(12 + length, 4))), crc32c(message));
    out.emplace_back(message);
    file.remove_prefix(16 + length);
  }
  EXPECT_TRUE(file.empty());
  return out;
}

struct Field {
  uint64_t number = 0;
  uint64_t value = 0;  // varints and fixed ones
  std::string bytes;
};

std::vector<Field> fields(std::string_view message) {
  std::vector<Field> out;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0; !message.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(message.front());
      message.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  const auto fixed = [&](size_t n) {
    const uint64_t value = little_endian(message.substr(0, n));
    message.remove_prefix(n);
    return value;
  };
  while (!message.empty()) {
    const uint64_t key = varint();
    Field f{.number = key >> 3};
    switch (key & 7) {
      case 0: f.value = varint(); break;
      case 1: f.value = fixed(8); break;
      case 5: f.value = fixed(4); break;
      case 2: {
        const size_t n = varint();
        f.bytes = std::string(message.substr(0, n));
        message.remove_prefix(n);
        break;
      }
      default: ADD_FAILURE() << "wire type " << (key & 7); return out;
    }
    out.push_back(std::move(f));
  }
  return out;
}

const Field& field(const std::vector<Field>& all, uint64_t number) {
  for (const Field& f : all)
    if (f.number == number) return f;
  static const Field none;
  ADD_FAILURE() << "no field " << number;
  return none;
}

}  // namespace

TEST(EventFile, ChecksumsAreCastagnolis) {  // RFC 3720, B.4
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(EventFile, HasAVersionASessionAndScalars) {
  const TemporaryFolder folder;
  EventFile events(folder / "logs");
  events.begin(120);
  const EventFile::Scalar scalars[] = {{"loss/step", 0.5}, {"lr", 1e-4}};
  events.add(300, scalars);
  EXPECT_THAT(events.path().filename().string(), testing::StartsWith("events.out.tfevents."));

  const std::vector<std::string> all = records(read_file(events.path(), 1 << 20));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(field(fields(all[0]), 3).bytes, "brain.Event:2");
  // What readers know of steps from 121 on is of a session that did not reach its checkpoint.
  EXPECT_EQ(field(fields(all[1]), 2).value, 121U);
  EXPECT_EQ(field(fields(field(fields(all[1]), 7).bytes), 1).value, 1U);

  const std::vector<Field> event = fields(all[2]);
  EXPECT_GT(std::bit_cast<double>(field(event, 1).value), 1.7e9);
  EXPECT_EQ(field(event, 2).value, 300U);
  const std::vector<Field> values = fields(field(event, 5).bytes);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(field(fields(values[0].bytes), 1).bytes, "loss/step");
  EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(field(fields(values[0].bytes), 2).value)), 0.5f);
  EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(field(fields(values[1].bytes), 2).value)), 1e-4f);
}

}  // namespace newbie::test
