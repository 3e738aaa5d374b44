// The file of weights: places, alignment, and the bytes that come to lie there.
#include "onnx/weight_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "core/files.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie::test {
namespace {

OnnxModel model_of(std::initializer_list<OnnxWeight> weights) {
  OnnxModel out;
  out.weights = weights;
  return out;
}
const TensorSpec kRow{{5}, DType::F32}, kNarrow{{5}, DType::BF16}, kLarge{{3, 1000}, DType::F32};

// Every byte of a weight is the first letter of its name, given in two pieces.
void letters(const OnnxWeightFile::Place& place, const OnnxWeightFile::Write& write) {
  const std::string all(place.spec.bytes(), place.weight.front());
  const auto bytes = std::as_bytes(std::span(all));
  write(bytes.first(7));
  write(bytes.subspan(7));
}

TEST(OnnxWeightFile, ModelsShareAWeightInOneDtype) {
  OnnxWeightFile file("part.weights");
  OnnxModel first = model_of({{"a", "a", kRow}, {"b", "b", kLarge}});
  OnnxModel second = model_of({{"b", "b", kLarge}, {"a:bf16", "a", kNarrow}});
  file.place(first);
  file.place(second);
  EXPECT_EQ(first.weights[0].offset, 0u);
  EXPECT_EQ(first.weights[1].offset, kOnnxWeightAlignment);
  EXPECT_EQ(second.weights[0].offset, first.weights[1].offset);
  EXPECT_EQ(second.weights[1].offset, 4 * kOnnxWeightAlignment);  // 12000 bytes before it
  EXPECT_EQ(second.weights[1].location, "part.weights");
  EXPECT_EQ(file.bytes(), 4 * kOnnxWeightAlignment + kNarrow.bytes());
}

TEST(OnnxWeightFile, WritesEveryWeightAtItsPlace) {
  const TemporaryFolder folder;
  OnnxWeightFile file("part.weights");
  OnnxModel model = model_of({{"a", "a", kRow}, {"b", "b", kLarge}, {"c", "c", kNarrow}});
  file.place(model);
  file.write(folder.path(), letters);
  const std::string bytes = read_file(folder / "part.weights", size_t{1} << 20);
  std::string want(file.bytes(), '\0');
  for (const OnnxWeight& w : model.weights) want.replace(w.offset, w.spec.bytes(), w.spec.bytes(), w.weight.front());
  EXPECT_EQ(bytes, want);
}

TEST(OnnxWeightFile, AWeightOfAnotherSizeLeavesNothing) {
  const TemporaryFolder folder;
  OnnxWeightFile file("part.weights");
  OnnxModel model = model_of({{"a", "a", kRow}});
  file.place(model);
  const auto give = [&](size_t bytes) {
    file.write(folder.path(), [bytes](const auto&, const auto& write) { write(std::vector<std::byte>(bytes)); });
  };
  EXPECT_ERROR(give(kRow.bytes() - 1), ErrorKind::Internal, "expected 20 bytes to write, got 19");
  EXPECT_ERROR(give(kRow.bytes() + 1), ErrorKind::Internal, "expected 20 bytes to write, got 21");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// A call that is refused ends the writing, with nothing left; but for those behind the renaming, which leave it whole.
TEST(OnnxWeightFile, WhateverTheFileSystemRefusesLeavesNothing) {
  const TemporaryFolder folder;
  OnnxWeightFile file("part.weights");
  OnnxModel model = model_of({{"a", "a", kRow}, {"b", "b", kLarge}});
  file.place(model);
  size_t refusals = 0;
  bool was_refused = true;
  for (size_t refused = 0; was_refused; ++refused) {
    size_t calls = 0;
    was_refused = false;
    set_file_fault_hook([&](size_t, const char*) {
      was_refused = was_refused || calls == refused;
      return calls++ != refused;
    });
    try {
      file.write(folder.path(), letters);
      EXPECT_EQ(std::filesystem::file_size(folder / "part.weights"), file.bytes());
      std::filesystem::remove(folder / "part.weights");
    } catch (const Error& e) {
      ++refusals;
      EXPECT_EQ(e.kind(), ErrorKind::BadFile);
      EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "call " << refused;
    }
    set_file_fault_hook({});
  }
  EXPECT_GE(refusals, 4u);  // open, write, sync, rename
}

}  // namespace
}  // namespace newbie::test
