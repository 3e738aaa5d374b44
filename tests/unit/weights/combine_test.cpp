// Scaled 8-bit weights and matrices joined from pieces.
#include "weights/combine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "file_bytes.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/open_weights.h"
#include "weights/safetensors_writer.h"

namespace newbie {
namespace {

using testing::ElementsAre;

class Combine : public testing::Test {
 protected:
  void add(const char* name, Shape shape, DType dtype, const void* data) {
    tensors_.push_back({name, {{shape, dtype}, static_cast<const std::byte*>(data)}});
  }
  void open() {
    write_safetensors(folder_ / "m.safetensors", tensors_);
    files_ = open_weights(folder_.path());
  }
  const FileTensor& at(const char* key) const { return *files_.find(key); }

 private:
  TemporaryFolder folder_;
  std::vector<NamedTensor> tensors_;
  OpenedWeights files_;
};

std::vector<float> values(const DerivedTensor& tensor, size_t first, size_t count) {
  std::vector<float> out(count);
  tensor.fill(first, out);
  return out;
}

TEST_F(Combine, AScaleMultipliesWhatIsStored) {
  const uint8_t e4m3[] = {0x38, 0xB8, 0x7E, 0x01};  // 1, −1, 448, 2⁻⁹
  const float scale[] = {0.3F, 2.0F}, infinite = INFINITY;
  add("w", {2, 2}, DType::F8E4M3, e4m3);
  add("s", {}, DType::F32, scale);
  add("one", {1}, DType::F32, scale);
  add("two", {2}, DType::F32, scale);
  add("bad", {}, DType::F32, &infinite);
  add("bytes", {2, 2}, DType::U8, e4m3);
  open();
  const DerivedTensor scaled = scaled_tensor(at("w"), at("s"));
  EXPECT_EQ(scaled.spec, (TensorSpec{{2, 2}, DType::F8E4M3}));
  EXPECT_THAT(values(scaled, 0, 4), ElementsAre(0.3F, -0.3F, 448 * 0.3F, 0x1p-9F * 0.3F));
  EXPECT_THAT(values(scaled_tensor(at("w"), at("one")), 1, 2), ElementsAre(-0.3F, 448 * 0.3F));
  EXPECT_ERROR(scaled_tensor(at("w"), at("two")), ErrorKind::Unsupported, "expected one number, got a scale of shape");
  EXPECT_ERROR(scaled_tensor(at("w"), at("bad")), ErrorKind::BadFile, "expected a finite scale");
  EXPECT_ERROR(scaled_tensor(at("bytes"), at("s")), ErrorKind::Unsupported, "expected a float dtype, got u8");
}

TEST_F(Combine, JoinedRowsReadTheSameForEveryCut) {
  const float a[] = {1, 2, 3, 4}, b[] = {5, 6}, c[] = {7, 8, 9};
  const uint16_t d[] = {0x3F80, 0x4000};
  add("a", {2, 2}, DType::F32, a);
  add("b", {1, 2}, DType::F32, b);
  add("d", {1, 2}, DType::BF16, d);
  add("wide", {1, 3}, DType::F32, c);
  open();
  const DerivedTensor joined = join_rows({stored_tensor(at("d")), stored_tensor(at("a")), stored_tensor(at("b"))});
  EXPECT_EQ(joined.spec, (TensorSpec{{4, 2}, DType::F32}));
  const std::vector<float> all = values(joined, 0, 8);
  EXPECT_THAT(all, ElementsAre(1, 2, 1, 2, 3, 4, 5, 6));
  for (size_t first = 0; first <= 8; ++first)
    for (size_t count = 0; first + count <= 8; ++count)
      EXPECT_EQ(values(joined, first, count),
                std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(first),
                                   all.begin() + static_cast<std::ptrdiff_t>(first + count)));
  EXPECT_ERROR(join_rows({stored_tensor(at("a")), stored_tensor(at("wide"))}), ErrorKind::BadFile,
               "expected rows to follow");
  EXPECT_ERROR(join_rows({}), ErrorKind::BadFile, "got none");
}

}  // namespace
}  // namespace newbie
