// Caches of the official trainer: the missing shift is taken off, what is broken or of another size is passed over.
#include "train/official_cache.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "../core/temporary_folder.h"
#include "core/files.h"
#include "core/float_formats.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

struct Warnings final : Log {
  std::vector<std::string> told;
  void write(LogLevel, std::string_view text) override { told.emplace_back(text); }
};

NamedTensor floats(const char* name, const Shape& shape, const std::vector<float>& values) {
  return {name, {{shape, DType::F32}, reinterpret_cast<const std::byte*>(values.data())}};
}

class OfficialCache : public ::testing::Test {
 protected:
  void write_text(const std::vector<float>& features, const std::vector<int64_t>& mask) {
    std::vector<uint16_t> narrow;
    for (const float f : features) narrow.push_back(to_bf16(f).bits);
    const auto padded = static_cast<int64_t>(mask.size());
    const NamedTensor tensors[] = {
        {"cap_feats", {{{padded, 2}, DType::BF16}, reinterpret_cast<const std::byte*>(narrow.data())}},
        {"cap_mask", {{{padded}, DType::I64}, reinterpret_cast<const std::byte*>(mask.data())}},
        floats("clip_text_pooled", {3}, pooled_)};
    write_safetensors(folder_ / "a.txt.safetensors", tensors);
  }

  TemporaryFolder folder_;
  std::vector<float> pooled_{1, 2, 3};
  Warnings log_;
};

}  // namespace

TEST_F(OfficialCache, LatentsLoseTheirOffset) {
  std::vector<float> values(16 * 2 * 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.125f;
  const NamedTensor tensors[] = {floats("latents", {16, 2, 3}, values)};
  write_safetensors(folder_ / "a.png.safetensors", tensors);
  const double offset = 0.1159 * 0.3611;
  const auto read = read_official_latent(folder_ / "a.png", {16, 2, 3}, offset, log_);
  ASSERT_TRUE(read);
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(read->values[i], static_cast<float>(static_cast<double>(values[i]) - offset));
  EXPECT_EQ(read->content.size(), 64U);
  EXPECT_TRUE(log_.told.empty());

  EXPECT_FALSE(read_official_latent(folder_ / "a.png", {16, 3, 2}, offset, log_));  // of another bucket
  EXPECT_THAT(log_.told, testing::ElementsAre(testing::HasSubstr("latents is [16, 2, 3], expected [16, 3, 2]")));
  EXPECT_FALSE(read_official_latent(folder_ / "b.png", {16, 2, 3}, offset, log_));  // there is none
  EXPECT_EQ(log_.told.size(), 1U);
}

TEST_F(OfficialCache, TextsLoseTheirPadding) {
  write_text({1, 2, 3, 4, 5, 6, 0, 0}, {1, 1, 1, 0});
  const auto read = read_official_text(folder_ / "a.png", 2, 3, log_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->tokens, 3);
  EXPECT_THAT(read->features, testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(read->pooled, testing::ElementsAre(1, 2, 3));
}

// What float16 leaves behind there.
TEST_F(OfficialCache, WhatIsNotFiniteIsPassedOver) {
  write_text({1, std::numeric_limits<float>::quiet_NaN(), 3, 4}, {1, 1});
  EXPECT_FALSE(read_official_text(folder_ / "a.png", 2, 3, log_));
  EXPECT_THAT(log_.told, testing::ElementsAre(testing::HasSubstr("not finite")));
  write_text({1, 2, 3, 4}, {0, 1});
  EXPECT_FALSE(read_official_text(folder_ / "a.png", 2, 3, log_));
  write_file_atomically(folder_ / "a.txt.safetensors", std::string_view("cut"));
  EXPECT_FALSE(read_official_text(folder_ / "a.png", 2, 3, log_));
  EXPECT_EQ(log_.told.size(), 3U);
}

}  // namespace newbie::test
