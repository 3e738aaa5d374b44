#include "models/inception_v3/graph.h"

#include "graph/ops/all.h"

namespace newbie {

namespace {

struct Kernel {
  int64_t height = 1, width = 1;
};
constexpr Kernel k1x1{1, 1}, k3x3{3, 3}, k5x5{5, 5}, k1x7{1, 7}, k7x1{7, 1}, k1x3{1, 3}, k3x1{3, 1};

enum class Border { None, Same };

// Convolution, normalisation (in the weights) and ReLU.
Value unit(const Scope& s, Value x, int64_t channels, Kernel k, Border border = Border::Same, int64_t stride = 1) {
  const Scope conv = s / "conv";
  const int64_t dy = border == Border::Same ? (k.height - 1) / 2 : 0,
                dx = border == Border::Same ? (k.width - 1) / 2 : 0;
  const Value y = x.graph().emit(
      conv2d_op,
      {x, conv.weight("weight", {channels, x.shape()[2], k.height, k.width}), conv.weight("bias", {channels})},
      {{"stride", stride}, {"padding", std::vector<int64_t>{dy, dx, dy, dx}}}, conv.path());
  return s.result(relu(y));
}

// A convolution that halves the picture.
Value half(const Scope& s, Value x, int64_t channels) { return unit(s, x, channels, k3x3, Border::None, 2); }

Value join(std::initializer_list<Value> branches) {
  Value out;
  for (const Value& branch : branches) out = out ? concat_columns(out, branch) : branch;
  return out;
}

// What a branch pools, at the same size. Unlike torchvision's, the averages leave padding out.
Value averaged(Value x) { return average_pool2d(x, 3, 1, {1, 1, 1, 1}); }

Value block_a(const Scope& s, Value x, int64_t pooled) {
  const Value five = unit(s / "branch5x5_2", unit(s / "branch5x5_1", x, 48, k1x1), 64, k5x5);
  const Value three = unit(s / "branch3x3dbl_2", unit(s / "branch3x3dbl_1", x, 64, k1x1), 96, k3x3);
  return s.result(join({unit(s / "branch1x1", x, 64, k1x1), five, unit(s / "branch3x3dbl_3", three, 96, k3x3),
                        unit(s / "branch_pool", averaged(x), pooled, k1x1)}));
}

Value block_b(const Scope& s, Value x) {
  const Value three = unit(s / "branch3x3dbl_2", unit(s / "branch3x3dbl_1", x, 64, k1x1), 96, k3x3);
  return s.result(join({half(s / "branch3x3", x, 384), half(s / "branch3x3dbl_3", three, 96), max_pool2d(x, 3, 2)}));
}

Value block_c(const Scope& s, Value x, int64_t c) {
  Value seven = unit(s / "branch7x7_1", x, c, k1x1);
  seven = unit(s / "branch7x7_2", seven, c, k1x7);
  seven = unit(s / "branch7x7_3", seven, 192, k7x1);
  Value twice = unit(s / "branch7x7dbl_1", x, c, k1x1);
  twice = unit(s / "branch7x7dbl_2", twice, c, k7x1);
  twice = unit(s / "branch7x7dbl_3", twice, c, k1x7);
  twice = unit(s / "branch7x7dbl_4", twice, c, k7x1);
  twice = unit(s / "branch7x7dbl_5", twice, 192, k1x7);
  return s.result(
      join({unit(s / "branch1x1", x, 192, k1x1), seven, twice, unit(s / "branch_pool", averaged(x), 192, k1x1)}));
}

Value block_d(const Scope& s, Value x) {
  Value seven = unit(s / "branch7x7x3_1", x, 192, k1x1);
  seven = unit(s / "branch7x7x3_2", seven, 192, k1x7);
  seven = unit(s / "branch7x7x3_3", seven, 192, k7x1);
  return s.result(join({half(s / "branch3x3_2", unit(s / "branch3x3_1", x, 192, k1x1), 320),
                        half(s / "branch7x7x3_4", seven, 192), max_pool2d(x, 3, 2)}));
}

// `pooled` is x through the pooling that tells the two blocks apart.
Value block_e(const Scope& s, Value x, Value pooled) {
  const Value three = unit(s / "branch3x3_1", x, 384, k1x1);
  const Value twice = unit(s / "branch3x3dbl_2", unit(s / "branch3x3dbl_1", x, 448, k1x1), 384, k3x3);
  return s.result(join({unit(s / "branch1x1", x, 320, k1x1), unit(s / "branch3x3_2a", three, 384, k1x3),
                        unit(s / "branch3x3_2b", three, 384, k3x1), unit(s / "branch3x3dbl_3a", twice, 384, k1x3),
                        unit(s / "branch3x3dbl_3b", twice, 384, k3x1), unit(s / "branch_pool", pooled, 192, k1x1)}));
}

}  // namespace

Graph inception_v3() {
  Graph g;
  const Scope s(g);
  Value x = g.input("pixels", {kInceptionSide, kInceptionSide, 3});
  x = half(s / "Conv2d_1a_3x3", x, 32);
  x = unit(s / "Conv2d_2a_3x3", x, 32, k3x3, Border::None);
  x = unit(s / "Conv2d_2b_3x3", x, 64, k3x3);
  x = max_pool2d(x, 3, 2);
  x = unit(s / "Conv2d_3b_1x1", x, 80, k1x1);
  x = unit(s / "Conv2d_4a_3x3", x, 192, k3x3, Border::None);
  x = max_pool2d(x, 3, 2);
  x = block_a(s / "Mixed_5b", x, 32);
  x = block_a(s / "Mixed_5c", x, 64);
  x = block_a(s / "Mixed_5d", x, 64);
  x = block_b(s / "Mixed_6a", x);
  x = block_c(s / "Mixed_6b", x, 128);
  x = block_c(s / "Mixed_6c", x, 160);
  x = block_c(s / "Mixed_6d", x, 160);
  x = block_c(s / "Mixed_6e", x, 192);
  x = block_d(s / "Mixed_7a", x);
  x = block_e(s / "Mixed_7b", x, averaged(x));
  x = block_e(s / "Mixed_7c", x, max_pool2d(x, 3, 1, {1, 1, 1, 1}));
  g.output("pool3", mean_rows(reshape(x, {x.shape()[0] * x.shape()[1], kInceptionFeatures})));
  return g;
}

}  // namespace newbie
