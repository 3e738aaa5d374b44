// Shifted norms and matrices joined from pieces.
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

TEST_F(Combine, OneLessIsNotRounded) {
  const float stored[] = {1.0F + 0x1p-20F, 0.5F};
  add("n", {2}, DType::F32, stored);
  open();
  const DerivedTensor norm = minus_one(stored_tensor(at("n")));
  EXPECT_EQ(norm.spec, (TensorSpec{{2}, DType::F32}));
  EXPECT_THAT(values(norm, 0, 2), ElementsAre(0x1p-20F, -0.5F));
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
