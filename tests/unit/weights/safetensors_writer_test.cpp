#include "weights/safetensors_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <vector>

#include "core/files.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"
#include "weights/formats/safetensors.h"

namespace newbie {
namespace {

struct Sample {
  std::array<float, 3> f32{1.5F, -2.0F, 3.25F};
  std::array<uint16_t, 2> f16{0x3C00, 0xC000};
  std::array<int64_t, 1> i64{-7};
  std::array<uint8_t, 5> u8{'h', 'e', 'l', 'l', 'o'};

  template <typename T>
  static NamedTensor named(const char* name, Shape shape, DType dtype, const T& values) {
    return {name, {{shape, dtype}, reinterpret_cast<const std::byte*>(values.data())}};
  }
  std::vector<NamedTensor> tensors() const {
    return {named("z", {5}, DType::U8, u8),
            named("b", {2, 1}, DType::F16, f16),
            named("a", {1, 3}, DType::F32, f32),
            named("i", {}, DType::I64, i64),
            {"empty", {{Shape{0, 4}, DType::BF16}, nullptr}}};
  }
};

TEST(SafetensorsWriter, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  const Sample sample;
  write_safetensors(folder / "m.safetensors", sample.tensors(), {{"format", "pt"}, {"quote\"", "line\nbreak, ü"}});
  const SafetensorsFile file(folder / "m.safetensors");
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"quote\"", "line\nbreak, ü"}}));
  ASSERT_EQ(file.entries().size(), 5u);
  for (const NamedTensor& item : sample.tensors()) {
    const SafetensorsEntry* entry = file.find(item.name);
    ASSERT_NE(entry, nullptr) << item.name;
    EXPECT_EQ(file.spec(*entry), item.tensor.spec) << item.name;
    const size_t size = item.tensor.spec.bytes();
    ASSERT_EQ(file.bytes(*entry).size(), size);
    if (size != 0) {
      EXPECT_EQ(std::memcmp(file.bytes(*entry).data(), item.tensor.data, size), 0) << item.name;
    }
  }
}

TEST(SafetensorsWriter, LargerDtypesComeFirstThenNamesAndTheDataIsAligned) {
  const TemporaryFolder folder;
  write_safetensors(folder / "m.safetensors", Sample().tensors());
  const SafetensorsFile file(folder / "m.safetensors");
  std::vector<std::string> order;
  for (const SafetensorsEntry& entry : file.entries()) {
    order.push_back(entry.name);
    EXPECT_EQ(entry.begin % size_of(*entry.dtype), 0u) << entry.name;
  }
  EXPECT_THAT(order, testing::ElementsAre("i", "a", "b", "empty", "z"));
  EXPECT_EQ(file.header_bytes().size() % 8, 0u);
  EXPECT_TRUE(file.metadata().empty());
}

TEST(SafetensorsWriter, TheBytesAreThoseOfTheFormat) {
  const TemporaryFolder folder;
  const std::array<uint8_t, 2> data{'h', 'i'};
  write_safetensors(folder / "m", std::array{Sample::named("t", {2}, DType::U8, data)}, {{"format", "pt"}});
  std::string header = R"({"__metadata__":{"format":"pt"},"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(read_file(folder / "m", 1000), safetensors_bytes(header, "hi"));
  write_safetensors(folder / "none", {});
  EXPECT_EQ(read_file(folder / "none", 1000), safetensors_bytes("{}      "));
}

// The same header, zeros that take no disk.
TEST(SafetensorsWriter, ShapesAreHoles) {
  const TemporaryFolder folder;
  const std::vector<StreamedTensor> tensors{{"w", {{1 << 14, 1 << 14}, DType::BF16}, {}}, {"b", {{3}, DType::F32}, {}}};
  write_safetensors_shapes(folder / "m", tensors, {{"format", "pt"}});
  const SafetensorsFile file(folder / "m");
  ASSERT_EQ(file.entries().size(), 2U);
  EXPECT_EQ(file.find("w")->shape, (std::vector<int64_t>{1 << 14, 1 << 14}));
  EXPECT_EQ(file.metadata().at("format"), "pt");
  struct stat there {};
  ASSERT_EQ(::stat((folder / "m").c_str(), &there), 0);
  EXPECT_LT(there.st_blocks * 512, 1 << 20);
  EXPECT_ERROR(write_safetensors_shapes(folder / "m", std::vector{tensors[0], tensors[0]}), ErrorKind::InvalidRequest,
               "twice");
}

TEST(SafetensorsWriter, RefusesNamesAFileCannotHold) {
  const TemporaryFolder folder;
  const std::array<uint8_t, 1> data{0};
  const auto write = [&](std::initializer_list<const char*> names) {
    std::vector<NamedTensor> tensors;
    for (const char* name : names) tensors.push_back(Sample::named(name, {1}, DType::U8, data));
    write_safetensors(folder / "m", tensors);
  };
  EXPECT_ERROR(write({"a", "b", "a"}), ErrorKind::InvalidRequest, "got 'a' twice");
  EXPECT_ERROR(write({"__metadata__"}), ErrorKind::InvalidRequest, "another name");
  EXPECT_ERROR(write({"\xFF"}), ErrorKind::InvalidRequest, "UTF-8");
  EXPECT_FALSE(std::filesystem::exists(folder / "m"));
}

}  // namespace
}  // namespace newbie
