#include "weights/fold_batch_norm.h"

#include <algorithm>
#include <cmath>

namespace newbie {

namespace {

void require_float(const FileTensor& tensor) {
  if (!is_float(tensor.spec().dtype))
    fail(ErrorKind::Unsupported, "{}: expected a float dtype, got {}", tensor.where(), to_string(tensor.spec().dtype));
}

std::vector<float> channels_of(const FileTensor& tensor, int64_t channels) {
  require_float(tensor);
  if (!(tensor.spec().shape == Shape{channels}))
    fail(ErrorKind::BadFile, "{}: expected [{}], got {}", tensor.where(), channels, tensor.spec().shape.str());
  std::vector<float> out(static_cast<size_t>(channels));
  tensor.read(0, out);
  tensor.file->check_intact();
  return out;
}

}  // namespace

FoldedConvolution fold_batch_norm(const FileTensor& weight, const BatchNorm& norm) {
  require_float(weight);
  const Shape shape = weight.spec().shape;
  if (shape.rank() < 2 || shape.elements() == 0)
    fail(ErrorKind::BadFile, "{}: expected the weight of a convolution, got {}", weight.where(), shape.str());
  const int64_t channels = shape[0];
  const std::vector<float> gain = channels_of(norm.gain, channels), shift = channels_of(norm.shift, channels),
                           mean = channels_of(norm.mean, channels), variance = channels_of(norm.variance, channels);
  std::vector<double> scales;
  std::vector<float> bias;
  for (size_t c = 0; c < gain.size(); ++c) {
    const double spread = double{variance[c]} + norm.eps;
    if (!(spread > 0)) fail(ErrorKind::BadFile, "{}: value {} is {}", norm.variance.where(), c, variance[c]);
    scales.push_back(double{gain[c]} / std::sqrt(spread));
    bias.push_back(static_cast<float>(double{shift[c]} - double{mean[c]} * scales.back()));
  }
  const size_t row = shape.elements() / scales.size();
  const auto fill_weight = [weight, scales, row](size_t first, std::span<float> out) {
    weight.read(first, out);
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(double{out[i]} * scales[(first + i) / row]);
  };
  const auto fill_bias = [bias](size_t first, std::span<float> out) {
    std::copy_n(bias.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
  };
  return {.weight = {.spec = {shape, DType::F32}, .fill = fill_weight, .sources = {weight}},
          .bias = {.spec = {Shape{channels}, DType::F32},
                   .fill = fill_bias,
                   .sources = {norm.gain, norm.shift, norm.mean, norm.variance}}};
}

}  // namespace newbie
