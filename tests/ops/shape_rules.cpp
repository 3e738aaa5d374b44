// Shape rules refuse what does not fit, when the graph is built, with the op's name.
#include <gmock/gmock.h>

#include "graph/ops/all.h"

namespace newbie::test {

namespace {

// The message of the error that building throws.
template <typename Build>
std::string refusal(Build build) {
  Graph g;
  try {
    build(g, [&](const Shape& s) { return g.input(fmt::format("x{}", g.size()), s); });
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::Internal) << e.message();
    return e.message();
  }
  return "nothing was refused";
}

}  // namespace

#define EXPECT_REFUSED(op, expression) \
  EXPECT_THAT(refusal([]([[maybe_unused]] Graph& g, auto in) { expression; }), ::testing::HasSubstr(op ":"))

TEST(ShapeRules, Matmuls) {
  EXPECT_REFUSED("linear", linear(in({3, 48}), in({96, 47})));
  EXPECT_REFUSED("linear", linear(in({3, 48}), in({96, 48, 1})));
  EXPECT_REFUSED("linear", linear(in({3, 48}), in({96, 48}), in({48})));
  EXPECT_REFUSED("batched_matmul", batched_matmul(in({4, 3, 8}), in({3, 8, 5}), false));
  EXPECT_REFUSED("batched_matmul", batched_matmul(in({4, 3, 8}), in({2, 8, 5}), true));
  EXPECT_REFUSED("batched_matmul", batched_matmul(in({3, 8}), in({8, 5}), false));
}

TEST(ShapeRules, Convolution) {
  const auto conv = [](Graph& g, Value x, int64_t kernel, int64_t stride, Padding pad) {
    return conv2d(Scope(g, "conv"), x, 4, kernel, stride, pad);
  };
  EXPECT_THAT(refusal([&](Graph& g, auto in) { conv(g, in({5, 5, 3}), 6, 1, {}); }), ::testing::HasSubstr("smaller"));
  EXPECT_THAT(refusal([&](Graph& g, auto in) { conv(g, in({5, 5, 3}), 3, 0, {}); }), ::testing::HasSubstr("conv2d:"));
  EXPECT_REFUSED("conv2d", g.emit(conv2d_op, {in({5, 5, 3}), in({4, 2, 3, 3}), in({4})},
                                  {{"stride", int64_t{1}}, {"padding", std::vector<int64_t>{0, 0, 0, 0}}}));
  EXPECT_REFUSED("conv2d", g.emit(conv2d_op, {in({5, 5, 3}), in({4, 3, 3, 3}), in({3})},
                                  {{"stride", int64_t{1}}, {"padding", std::vector<int64_t>{0, 0, 0, 0}}}));
}

TEST(ShapeRules, Attention) {
  EXPECT_REFUSED("attention", attention(in({3, 32}), in({3, 32}), in({3, 32}), 3, 2, 1.0));
  EXPECT_REFUSED("attention", attention(in({3, 32}), in({3, 32}), in({3, 32}), 4, 2, 1.0));
  EXPECT_REFUSED("attention", attention(in({3, 33}), in({3, 32}), in({3, 32}), 4, 4, 1.0));
  EXPECT_REFUSED("attention", attention(in({3, 32}), in({5, 16}), in({4, 16}), 4, 2, 1.0));
  EXPECT_REFUSED("attention", attention(in({3, 32}), in({5, 32}), in({5, 32}), 4, 4, 1.0, {.causal = true}));
  EXPECT_REFUSED("attention_softmax", attention_softmax(in({3, 32}), 1.0, {}));
}

TEST(ShapeRules, Norms) {
  EXPECT_REFUSED("rms_norm", rms_norm(in({3, 48}), in({47}), 1e-5));
  EXPECT_REFUSED("rms_norm", rms_norm(in({3, 48}), in({1, 48}), 1e-5));
  EXPECT_REFUSED("layer_norm", layer_norm(in({3, 48}), 1e-5, in({24}), in({24})));
  EXPECT_THAT(refusal([](Graph& g, auto in) {
                group_norm(Scope(g, "norm"), in({3, 3, 48}), 5, 1e-6);
              }),
              ::testing::HasSubstr("group_norm:"));
  EXPECT_THAT(refusal([](Graph& g, auto in) {
                group_norm(Scope(g, "norm"), in({9, 48}), 4, 1e-6);
              }),
              ::testing::HasSubstr("group_norm:"));
}

TEST(ShapeRules, Elementwise) {
  EXPECT_REFUSED("add", add(in({3, 48}), in({3, 47})));
  EXPECT_REFUSED("mul", mul(in({48}), in({3, 48})));
  EXPECT_REFUSED("add", add(in({3, 48}), in({3, 1})));
  EXPECT_REFUSED("swiglu", swiglu(in({3, 48}), in({48})));
  EXPECT_REFUSED("geglu_tanh", geglu_tanh(in({3, 48}), in({3, 49})));
}

TEST(ShapeRules, Modulation) {
  EXPECT_REFUSED("modulate", modulate(in({3, 48}), in({47})));
  EXPECT_REFUSED("gated_residual", gated_residual(in({3, 48}), in({48}), in({48})));
  EXPECT_REFUSED("gated_residual", gated_residual(in({3, 48}), in({3, 48}), in({2, 48})));
  const auto rms = [] { return Attrs{{"eps", 1e-5}, {"offset", 0.0}}; };
  EXPECT_THAT(refusal([&](Graph& g, auto in) {
                g.emit(norm_modulate_op, {in({3, 48}), in({24}), in({48})}, rms());
              }),
              ::testing::HasSubstr("norm_modulate:"));
  EXPECT_THAT(refusal([&](Graph& g, auto in) {
                g.emit(norm_residual_op, {in({3, 48}), in({2, 48}), in({48})}, rms());
              }),
              ::testing::HasSubstr("norm_residual:"));
  EXPECT_THAT(refusal([&](Graph& g, auto in) {
                g.emit(norm_gated_residual_op, {in({3, 48}), in({3, 48}), in({48}), in({3, 1})}, rms());
              }),
              ::testing::HasSubstr("norm_gated_residual:"));
}

TEST(ShapeRules, Rope) {
  EXPECT_REFUSED("rope", rope(in({3, 48}), in({3, 7}), in({3, 7}), RopeLayout::HalfSplit));
  EXPECT_REFUSED("rope", rope(in({3, 48}), in({2, 8}), in({2, 8}), RopeLayout::HalfSplit));
  EXPECT_REFUSED("rope", rope(in({3, 48}), in({3, 8}), in({3, 6}), RopeLayout::HalfSplit));
  EXPECT_REFUSED("norm_rope", g.emit(norm_rope_op, {in({3, 48}), in({48}), in({3, 8}), in({3, 8})},
                                     {{"eps", 1e-5}, {"offset", 0.0}, {"layout", int64_t{0}}}));
}

TEST(ShapeRules, Embedding) {
  EXPECT_REFUSED("embedding", embedding(in({3, 1}), in({5, 8})));
  EXPECT_REFUSED("embedding", embedding(in({3}), in({5})));
  EXPECT_REFUSED("timestep_embedding", timestep_embedding(in({2}), 256));
  EXPECT_REFUSED("timestep_embedding", timestep_embedding(in({1}), 7));
  EXPECT_REFUSED("mean_rows", mean_rows(in({48})));
  EXPECT_REFUSED("mean_rows", mean_rows(in({0, 48})));
}

TEST(ShapeRules, Movement) {
  EXPECT_REFUSED("reshape", reshape(in({3, 48}), {3, 47}));
  EXPECT_REFUSED("slice_rows", slice_rows(in({3, 48}), 1, 4));
  EXPECT_REFUSED("slice_rows", slice_rows(in({3, 48}), 2, 1));
  EXPECT_REFUSED("slice_columns", slice_columns(in({3, 48}), -1, 4));
  EXPECT_REFUSED("slice_columns", slice_columns(in({3, 48}), 0, 49));
  EXPECT_REFUSED("permute", permute(in({3, 48}), {0, 0}));
  EXPECT_REFUSED("permute", permute(in({3, 48}), {0, 1, 2}));
  EXPECT_REFUSED("concat_rows", concat_rows(in({3, 48}), in({3, 47})));
  EXPECT_REFUSED("upsample_nearest", upsample_nearest(in({3, 48})));
}

TEST(ShapeRules, ATakenPathAndAnotherGraphAreNamed) {
  EXPECT_THAT(refusal([](Graph& g, auto in) {
                linear(Scope(g) / "layers" / 7 / "out", in({3, 48}), 96, false);
                linear(Scope(g) / "layers" / 7 / "out", in({3, 96}), 96, false);
              }),
              ::testing::HasSubstr("layers.7.out.weight"));
  Graph other;
  const Value foreign = other.input("x", {3, 48});
  EXPECT_THAT(refusal([&](Graph&, auto in) { add(in({3, 48}), foreign); }), ::testing::HasSubstr("another graph"));
}

}  // namespace newbie::test
