// Weights in fewer bits, against the formulas worked out element by element.
#include "weights/quantised.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/float_formats.h"
#include "file_bytes.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/open_weights.h"
#include "weights/safetensors_writer.h"

namespace newbie {
namespace {

using testing::ElementsAre;

class Quantised : public testing::Test {
 protected:
  template <typename T>
  void add(const char* name, Shape shape, DType dtype, std::vector<T> data) {
    std::vector<std::byte>& kept = bytes_[name];
    kept.assign(reinterpret_cast<const std::byte*>(data.data()),
                reinterpret_cast<const std::byte*>(data.data() + data.size()));
    tensors_.push_back({name, {{shape, dtype}, kept.data()}});
  }
  void open() {
    write_safetensors(folder_ / "m.safetensors", tensors_);
    files_ = open_weights(folder_.path());
  }
  const FileTensor& at(const char* key) const { return *files_.find(key); }

  std::vector<uint8_t> random_bytes(size_t count) {
    std::vector<uint8_t> out(count);
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(random_());
    return out;
  }

 private:
  TemporaryFolder folder_;
  std::map<std::string, std::vector<std::byte>> bytes_;
  std::vector<NamedTensor> tensors_;
  OpenedWeights files_;
  std::mt19937 random_{7};
};

std::vector<float> values(const DerivedTensor& tensor, size_t first, size_t count) {
  std::vector<float> out(count);
  tensor.fill(first, out);
  return out;
}
// All values, and that any cut gives the same.
std::vector<float> all_values(const DerivedTensor& tensor) {
  const size_t count = tensor.spec.shape.elements();
  const std::vector<float> all = values(tensor, 0, count);
  for (size_t first = 0; first < count; first += 13)
    for (const size_t length : {size_t{1}, size_t{17}, count}) {
      const size_t taken = std::min(length, count - first);
      const std::vector<float> part = values(tensor, first, taken);
      EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + static_cast<std::ptrdiff_t>(first))) << first;
    }
  return all;
}

TEST_F(Quantised, AScaleMultipliesWhatIsStored) {
  const std::vector<uint8_t> e4m3 = {0x38, 0xB8, 0x7E, 0x01};  // 1, −1, 448, 2⁻⁹
  add("w", {2, 2}, DType::F8E4M3, e4m3);
  add("bytes", {2, 2}, DType::U8, e4m3);
  add("s", {}, DType::F32, std::vector{0.3F});
  add("one", {1}, DType::F32, std::vector{0.3F});
  add("rows", {2, 1}, DType::F32, std::vector{2.0F, 4.0F});
  add("tiles", {2, 2}, DType::F32, std::vector{1.0F, 2.0F, 4.0F, 8.0F});
  add("three", {3}, DType::F32, std::vector{1.0F, 1.0F, 1.0F});
  add("bad", {}, DType::F32, std::vector{INFINITY});
  add("whole", {2, 2}, DType::I8, std::vector<int8_t>{-128, 1, 0, 127});
  open();
  const DerivedTensor scaled = scaled_tensor(at("w"), at("s"));
  EXPECT_EQ(scaled.spec, (TensorSpec{{2, 2}, DType::F8E4M3}));
  EXPECT_THAT(all_values(scaled), ElementsAre(0.3F, -0.3F, 448 * 0.3F, 0x1p-9F * 0.3F));
  EXPECT_THAT(all_values(scaled_tensor(at("bytes"), at("one"), DType::F8E4M3)),
              ElementsAre(0.3F, -0.3F, 448 * 0.3F, 0x1p-9F * 0.3F));
  EXPECT_THAT(all_values(scaled_tensor(at("w"), at("rows"))), ElementsAre(2, -2, 4 * 448, 0x1p-7F));
  EXPECT_THAT(all_values(scaled_tensor(at("w"), at("tiles"))), ElementsAre(1, -2, 4 * 448, 0x1p-6F));
  EXPECT_THAT(all_values(scaled_tensor(at("whole"), at("rows"))), ElementsAre(-256, 2, 0, 508));
  EXPECT_THAT(all_values(times_columns(stored_as(at("w"), {}), at("rows"))), ElementsAre(2, -4, 896, 0x1p-7F));
  EXPECT_ERROR(scaled_tensor(at("w"), at("three")), ErrorKind::Unsupported, "expected a scale that fits");
  EXPECT_ERROR(scaled_tensor(at("w"), at("bad")), ErrorKind::BadFile, "expected finite scales");
  EXPECT_ERROR(scaled_tensor(at("bytes"), at("s")), ErrorKind::Unsupported, "expected a float dtype, got u8");
}

// The matrix of the definition, entry by entry.
float hadamard(size_t row, size_t column, size_t size) {
  constexpr int kFour[4][4] = {{1, 1, 1, -1}, {1, 1, -1, 1}, {1, -1, 1, 1}, {-1, 1, 1, 1}};
  int sign = 1;
  for (size_t n = size; n > 1; n /= 4, row /= 4, column /= 4) sign *= kFour[row % 4][column % 4];
  return static_cast<float>(sign) / std::sqrt(static_cast<float>(size));
}

TEST_F(Quantised, ConvRotIsTurnedBack) {
  constexpr size_t kGroup = 16, kColumns = 32;
  std::vector<int8_t> q(2 * kColumns);
  for (size_t i = 0; i < q.size(); ++i) q[i] = static_cast<int8_t>(i * 37 % 255 - 127);
  add("w", {2, kColumns}, DType::I8, q);
  add("s", {2}, DType::F32, std::vector{0.5F, 0.01F});
  open();
  const DerivedTensor plain = scaled_tensor(at("w"), at("s"));
  const std::vector<float> before = all_values(plain), after = all_values(rotated(plain, kGroup));
  for (size_t row = 0; row < 2; ++row)
    for (size_t column = 0; column < kColumns; ++column) {
      double want = 0, size = 0;
      for (size_t i = 0; i < kGroup; ++i) {
        const double part =
            double{before[row * kColumns + column / kGroup * kGroup + i]} * hadamard(i, column % kGroup, kGroup);
        want += part;
        size += std::abs(part);
      }
      EXPECT_NEAR(after[row * kColumns + column], want, 4 * 0x1p-24 * size);  // two stages of three additions
    }
  EXPECT_EQ(all_values(rotated(plain, 64)), before);  // columns are no multiple: nothing was rotated
}

// spec (files beyond GGUF): byte ((r/128)·C + c/4)·512 + (r%32)·16 + (r%128/32)·4 + c%4.
size_t swizzled_place(size_t r, size_t c, size_t columns) {
  return ((r / 128) * ((columns + 3) / 4) + c / 4) * 512 + (r % 32) * 16 + (r % 128 / 32) * 4 + c % 4;
}

TEST_F(Quantised, Nvfp4AndMxfp8HaveSwizzledScales) {
  constexpr size_t kRows = 130, kColumns = 96;
  std::vector<uint8_t> packed = random_bytes(kRows * kColumns / 2), scales(2 * 2 * 512),
                       fp8 = random_bytes(kRows * kColumns), exponents(2 * 1 * 512);
  for (size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<uint8_t>(i * 7 % 0x7F);
  for (size_t i = 0; i < exponents.size(); ++i) exponents[i] = static_cast<uint8_t>(110 + i % 20);
  for (uint8_t& byte : fp8)
    if ((byte & 0x7F) == 0x7F) byte = 0;  // NaN
  add("nv", {kRows, kColumns / 2}, DType::U8, packed);
  add("nv_s", {256, 8}, DType::F8E4M3, scales);
  add("nv_2", {}, DType::F32, std::vector{0.37F});
  add("mx", {kRows, kColumns}, DType::F8E4M3, fp8);
  add("mx_s", {256, 4}, DType::U8, exponents);
  add("short", {4}, DType::U8, std::vector<uint8_t>(4));
  open();
  const std::vector<float> nv = all_values(nvfp4_tensor(at("nv"), at("nv_s"), at("nv_2")));
  const std::vector<float> mx = all_values(mxfp8_tensor(at("mx"), at("mx_s")));
  constexpr float kE2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (size_t r = 0; r < kRows; ++r)
    for (size_t c = 0; c < kColumns; ++c) {
      const size_t i = r * kColumns + c;
      const uint8_t q = c % 2 == 0 ? packed[i / 2] >> 4 : packed[i / 2] & 15;
      const float value = (q & 8) != 0 ? -kE2m1[q & 7] : kE2m1[q & 7];
      EXPECT_EQ(nv[i], value * (0.37F * to_float(f8_e4m3_t{scales[swizzled_place(r, c / 16, kColumns / 16)]})));
      EXPECT_EQ(mx[i],
                std::ldexp(to_float(f8_e4m3_t{fp8[i]}), exponents[swizzled_place(r, c / 32, kColumns / 32)] - 127));
    }
  EXPECT_ERROR(mxfp8_tensor(at("mx"), at("short")), ErrorKind::BadFile, "bytes of scales");
  EXPECT_ERROR(nvfp4_tensor(at("mx"), at("nv_s"), at("nv_2")), ErrorKind::BadFile, "expected bytes");
}

TEST_F(Quantised, CodebooksMayHaveNestedScales) {
  constexpr size_t kCount = 4 * 96;
  std::vector<uint8_t> packed = random_bytes(kCount / 2), nested = {0, 3, 255, 7, 1, 9};
  std::vector<float> table(16), plain = {1, 2, 0.5F, 3, 0.25F, 7}, nested_table(256);
  for (size_t i = 0; i < 16; ++i) table[i] = static_cast<float>(i) / 8 - 1;
  for (size_t i = 0; i < 256; ++i) nested_table[i] = static_cast<float>(i) / 128 - 1;
  add("w", {kCount / 2, 1}, DType::U8, packed);
  add("absmax", {6}, DType::F32, plain);
  add("map", {16}, DType::F32, table);
  add("nested", {6}, DType::U8, nested);
  add("nested_absmax", {2}, DType::F32, std::vector{4.0F, 0.5F});
  add("nested_map", {256}, DType::F32, nested_table);
  open();
  const std::string state =
      R"({"shape":[4,96],"blocksize":64,"nested_blocksize":4,"nested_offset":0.125,"dtype":"bfloat16"})";
  const std::vector<float> flat = all_values(codebook_tensor({at("w"), at("absmax"), at("map")}, state));
  const FileTensor &scale = at("nested_absmax"), &map = at("nested_map");
  const DerivedTensor deep = codebook_tensor({at("w"), at("nested"), at("map"), &scale, &map}, state);
  EXPECT_EQ(deep.spec, (TensorSpec{{4, 96}, DType::BF16}));
  const std::vector<float> nested_values = all_values(deep);
  for (size_t i = 0; i < kCount; ++i) {
    const uint8_t q = i % 2 == 0 ? packed[i / 2] >> 4 : packed[i / 2] & 15;
    EXPECT_EQ(flat[i], table[q] * plain[i / 64]);
    EXPECT_EQ(nested_values[i], table[q] * (nested_table[nested[i / 64]] * (i / 64 < 4 ? 4.0F : 0.5F) + 0.125F));
  }
  EXPECT_ERROR(codebook_tensor({at("w"), at("absmax"), at("map")}, R"({"shape":[4,97],"blocksize":64})"),
               ErrorKind::BadFile, "a table of 16");
  EXPECT_ERROR(codebook_tensor({at("w"), at("absmax"), at("map")}, R"({"shape":[4,96]})"), ErrorKind::BadFile,
               "blocksize");
}

}  // namespace
}  // namespace newbie
