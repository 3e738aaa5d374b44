#include "weights/fold_batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/open_weights.h"
#include "weights/safetensors_writer.h"

namespace newbie {
namespace {

class FoldBatchNorm : public testing::Test {
 protected:
  struct Tensor {
    Shape shape;
    std::vector<float> values;
  };

  FoldedConvolution fold() {
    std::vector<NamedTensor> named;
    for (const auto& [name, t] : tensors_)
      named.push_back({name, {{t.shape, DType::F32}, reinterpret_cast<const std::byte*>(t.values.data())}});
    write_safetensors(folder_ / "n.safetensors", named);
    opened_ = open_weights(folder_ / "n.safetensors");
    return fold_batch_norm(*opened_.find("weight"), {.gain = *opened_.find("gain"),
                                                     .shift = *opened_.find("shift"),
                                                     .mean = *opened_.find("mean"),
                                                     .variance = *opened_.find("variance"),
                                                     .eps = 0.001});
  }

  TemporaryFolder folder_;
  OpenedWeights opened_;
  std::map<std::string, Tensor> tensors_{{"weight", {{2, 3, 1, 2}, {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6}}},
                                         {"gain", {{2}, {2, 0.5f}}},
                                         {"shift", {{2}, {-1, 3}}},
                                         {"mean", {{2}, {0.25f, -4}}},
                                         {"variance", {{2}, {0.999f, 8.999f}}}};
};

TEST_F(FoldBatchNorm, NormalisesTheConvolutionsResult) {
  const FoldedConvolution folded = fold();
  EXPECT_EQ(folded.weight.spec, (TensorSpec{{2, 3, 1, 2}, DType::F32}));
  EXPECT_EQ(folded.bias.spec, (TensorSpec{{2}, DType::F32}));
  std::vector<float> weight(12), bias(2);
  folded.weight.fill(0, weight);
  folded.bias.fill(0, bias);
  // y = Σ w x for some x, normalised afterwards.
  const double x[] = {0.5, -1, 2, 0.25, 3, -2};
  for (size_t o = 0; o < 2; ++o) {
    const auto of = [&](const char* name) { return double{tensors_.at(name).values[o]}; };
    double plain = 0, got = bias[o];
    for (size_t i = 0; i < 6; ++i) {
      plain += double{tensors_.at("weight").values[o * 6 + i]} * x[i];
      got += double{weight[o * 6 + i]} * x[i];
    }
    const double want = (plain - of("mean")) / std::sqrt(of("variance") + 0.001) * of("gain") + of("shift");
    EXPECT_NEAR(got, want, 100 * double{std::numeric_limits<float>::epsilon()});  // Σ|w x| is below 100
  }
}

TEST_F(FoldBatchNorm, IsTheSameForAnyCut) {
  const FoldedConvolution folded = fold();
  std::vector<float> whole(12), parts(12);
  folded.weight.fill(0, whole);
  for (size_t first = 0; first < 12; first += 5)
    folded.weight.fill(first, std::span(parts).subspan(first, std::min<size_t>(5, 12 - first)));
  EXPECT_EQ(parts, whole);
}

TEST_F(FoldBatchNorm, RefusesWhatDoesNotFit) {
  const auto whole = tensors_;
  tensors_["mean"] = {{3}, {1, 2, 3}};
  EXPECT_ERROR(fold(), ErrorKind::BadFile, "expected [2], got [3]");
  tensors_ = whole;
  tensors_["variance"].values[1] = -0.5f;
  EXPECT_ERROR(fold(), ErrorKind::BadFile, "value 1 is -0.5");
  tensors_ = whole;
  tensors_["variance"].values[0] = std::nanf("");
  EXPECT_ERROR(fold(), ErrorKind::BadFile, "value 0 is nan");
  tensors_ = whole;
  tensors_["weight"] = {{12}, whole.at("weight").values};
  EXPECT_ERROR(fold(), ErrorKind::BadFile, "the weight of a convolution");
}

}  // namespace
}  // namespace newbie
