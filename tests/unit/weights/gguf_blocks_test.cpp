// Block formats against the reference's values, bit for bit, and back as the reference quantises.
#include "weights/formats/gguf_blocks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <random>

#include "core/float_formats.h"
#include "unit/core/expect_error.h"
#include "weights/formats/safetensors.h"

namespace newbie {
namespace {

// `blocks` U8 [n, bytes] and the `values` F32 [n, elements] that they stand for (tests/data/gguf/vectors).
class Vectors {
 public:
  explicit Vectors(const std::string& type)
      : file_(std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/data/gguf/vectors" / (type + ".safetensors")) {}

  std::span<const std::byte> blocks() const { return file_.bytes(*file_.find("blocks")); }
  std::vector<float> values() const {
    const std::span<const std::byte> bytes = file_.bytes(*file_.find("values"));
    std::vector<float> out(bytes.size() / sizeof(float));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }

 private:
  SafetensorsFile file_;
};

std::vector<uint32_t> bits_of(std::span<const float> values) {
  std::vector<uint32_t> out;
  for (const float value : values) out.push_back(std::bit_cast<uint32_t>(value));
  return out;
}

constexpr const char* kTypes[] = {"Q4_0", "Q4_1", "Q5_0", "Q5_1",   "Q8_0",   "Q2_K", "Q3_K",
                                  "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"};

TEST(GgufBlocks, ValuesAreTheReferencesToTheBit) {
  for (const char* type : kTypes) {
    const Vectors vectors(type);
    const BlockFormat* format = find_block_format(type);
    ASSERT_NE(format, nullptr) << type;
    const std::vector<float> want = vectors.values();
    ASSERT_EQ(vectors.blocks().size() / format->bytes * format->elements, want.size()) << type;
    std::vector<float> got(want.size());
    widen_blocks(*format, vectors.blocks(), 0, got);
    EXPECT_EQ(bits_of(got), bits_of(want)) << type;
  }
}

TEST(GgufBlocks, PlainTypesWidenAsTheirDtypes) {
  for (const auto& [type, dtype] : {std::pair("F32", DType::F32), {"F16", DType::F16}, {"BF16", DType::BF16}}) {
    const Vectors vectors(type);
    const std::vector<float> want = vectors.values();
    std::vector<float> got(want.size());
    convert(dtype, vectors.blocks().data(), DType::F32, reinterpret_cast<std::byte*>(got.data()), got.size());
    EXPECT_EQ(bits_of(got), bits_of(want)) << type;
  }
}

TEST(GgufBlocks, AnyCutGivesTheSameValues) {
  for (const char* type : kTypes) {
    const Vectors vectors(type);
    const BlockFormat& format = *find_block_format(type);
    const std::vector<float> want = vectors.values();
    for (const size_t first : {size_t{0}, size_t{1}, format.elements - 1, format.elements, format.elements + 7})
      for (const size_t count : {size_t{1}, size_t{3}, format.elements, 2 * format.elements + 5}) {
        std::vector<float> got(count);
        widen_blocks(format, vectors.blocks(), first, got);
        EXPECT_EQ(bits_of(got), bits_of(std::span(want).subspan(first, count))) << type << first << '+' << count;
      }
  }
}

TEST(GgufBlocks, NumbersOfTypesAreThoseOfTheFormat) {
  EXPECT_EQ(gguf_type(0).plain, DType::F32);
  EXPECT_EQ(gguf_type(30).plain, DType::BF16);
  EXPECT_EQ(gguf_type(12).blocks, find_block_format("Q4_K"));
  EXPECT_EQ(gguf_type(19).name, "IQ1_S");
  EXPECT_EQ(gguf_type(19).blocks, nullptr);
  EXPECT_TRUE(gguf_type(99).name.empty());
  EXPECT_EQ(gguf_type_id(DType::F16), 1U);
}

// No value moves by more than half a step of its block; zeros and single large values survive.
TEST(GgufBlocks, NarrowingRoundsToTheNearestLevel) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const char* type : {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"}) {
    const BlockFormat& format = *find_block_format(type);
    ASSERT_NE(format.narrow, nullptr) << type;
    std::vector<float> x(32 * 64);
    for (float& value : x) value = normal(random);
    std::fill_n(x.begin(), 32, 0.0F);
    std::vector<std::byte> blocks(x.size() / 32 * format.bytes);
    narrow_blocks(format, x, blocks);
    std::vector<float> back(x.size());
    widen_blocks(format, blocks, 0, back);
    const float levels = std::string_view(type).starts_with("Q4") ? 15 : std::string_view(type) == "Q8_0" ? 254 : 31;
    for (size_t block = 0; block < x.size(); block += 32) {
      const auto [low, high] = std::minmax_element(x.begin() + block, x.begin() + block + 32);
      const float largest = std::max(-*low, *high);
      // Symmetric formats span twice the largest value with one level to spare: the other end may be cut by a step.
      const float step = (type[3] == '1' ? *high - *low : 2 * largest) / levels;
      for (size_t i = block; i < block + 32; ++i)
        EXPECT_NEAR(back[i], x[i], (type[3] == '1' ? 0.51F : 1.1F) * step + 0.001F * largest) << type << ' ' << i;
    }
  }
}

TEST(GgufBlocks, FormatsThatAreOnlyReadAreNotWritten) {
  const std::vector<float> values(256);
  std::vector<std::byte> out(144);
  EXPECT_ERROR(narrow_blocks(*find_block_format("Q4_K"), values, out), ErrorKind::Internal, "Q4_K");
}

}  // namespace
}  // namespace newbie
