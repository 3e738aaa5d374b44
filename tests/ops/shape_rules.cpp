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
  EXPECT_REFUSED("linear_transposed", linear_transposed(in({3, 48}), in({96, 48})));
  EXPECT_REFUSED("batched_outer", batched_outer(in({2, 3, 8}), in({2, 4, 8})));
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

TEST(ShapeRules, Pooling) {
  EXPECT_REFUSED("max_pool2d", max_pool2d(in({5, 5}), 3, 2));
  EXPECT_REFUSED("max_pool2d", max_pool2d(in({2, 5, 3}), 3, 2));
  EXPECT_REFUSED("max_pool2d", max_pool2d(in({5, 5, 3}), 3, 0));
  EXPECT_REFUSED("average_pool2d", average_pool2d(in({5, 5, 3}), 3, 1, {0, 0, 3, 0}));
  EXPECT_REFUSED("average_pool2d", average_pool2d(in({5, 5, 3}), 0, 1));
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

TEST(ShapeRules, Sums) {
  EXPECT_REFUSED("squared_error", squared_error(in({3, 48}), in({48, 3})));
  EXPECT_REFUSED("squared_error", squared_error(in({0, 48}), in({0, 48})));
  EXPECT_REFUSED("rms_norm_gradient", rms_norm_gradient(in({3, 48}), in({48}), in({3, 47}), 1e-5, 0.0));
  EXPECT_REFUSED("layer_norm_gradient", layer_norm_gradient(in({3, 48}), in({3, 48}), 1e-5, in({47})));
  EXPECT_REFUSED("attention_softmax_gradient", attention_softmax_gradient(in({2, 3, 4}), in({2, 4, 3}), 1.0));
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
  EXPECT_REFUSED("concat_columns", concat_columns(in({3, 4, 48}), in({3, 5, 48})));
  EXPECT_REFUSED("concat_columns", concat_columns(in({12, 48}), in({3, 4, 48})));
  EXPECT_REFUSED("upsample_nearest", upsample_nearest(in({3, 48})));
  EXPECT_REFUSED("pad_rows", pad_rows(in({3, 48}), -1, 0));
}

// No rule looks at an operand or an entry of a list before it knows that it is there.
TEST(ShapeRules, AnyNumberOfInputsOfAnyRankIsLookedAtSafely) {
  const Attrs attrs{{"eps", 1e-5},
                    {"offset", 0.0},
                    {"scale", 1.0},
                    {"scalar", 1.0},
                    {"max_period", 10000.0},
                    {"groups", int64_t{1}},
                    {"upsampled", int64_t{0}},
                    {"first", int64_t{0}},
                    {"residual", int64_t{0}},
                    {"layout", int64_t{0}},
                    {"width", int64_t{2}},
                    {"heads", int64_t{1}},
                    {"kv_heads", int64_t{1}},
                    {"causal", int64_t{0}},
                    {"window", int64_t{0}},
                    {"transpose_b", int64_t{0}},
                    {"stride", int64_t{1}},
                    {"kernel", int64_t{1}},
                    {"before", int64_t{0}},
                    {"after", int64_t{0}},
                    {"begin", int64_t{0}},
                    {"end", int64_t{1}},
                    {"p", 0.5},
                    {"stream", int64_t{0}},
                    {"padding", std::vector<int64_t>{0, 0, 0, 0}},
                    {"shape", std::vector<int64_t>{1}},
                    {"axes", std::vector<int64_t>{0}}};
  const Shape shapes[] = {{}, {0}, {1}, {1, 1}, {1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1, 1}};
  for (const OpDef* op : all_ops()) {
    if (op->infer == nullptr) continue;
    int taken = 0;
    for (const Shape& shape : shapes)
      for (size_t count = 0; count <= 5; ++count) {
        Graph g;
        std::vector<Value> in;
        for (size_t i = 0; i < count; ++i) in.push_back(g.input(fmt::format("x{}", i), shape));
        try {
          g.emit(*op, in, attrs);
          ++taken;
          EXPECT_GT(count, 0U) << op->name;
        } catch (const Error& e) {
          EXPECT_EQ(e.kind(), ErrorKind::Internal) << op->name << ": " << e.message();
          EXPECT_THAT(e.message(), ::testing::StartsWith(op->name));
        }
      }
    // Ops whose operands differ in rank or size are taken with none of these.
    const bool differ = op == &conv2d_op || op == &embedding_op || op == &norm_rope_op || op == &rope_op ||
                        op == &group_norm_op || op == &group_norm_silu_op || op == &banded_conv2d_op ||
                        op == &dropout_op;
    EXPECT_EQ(taken == 0, differ) << op->name;
  }
}

TEST(ShapeRules, ListsHaveTheLengthAnOpReads) {
  using List = std::vector<int64_t>;
  EXPECT_REFUSED("conv2d", g.emit(conv2d_op, {in({5, 5, 3}), in({4, 3, 3, 3}), in({4})},
                                  {{"stride", int64_t{1}}, {"padding", List{0, 0}}}));
  EXPECT_REFUSED("conv2d", g.emit(conv2d_op, {in({5, 5, 3}), in({4, 3, 3, 3}), in({4})},
                                  {{"stride", int64_t{1}}, {"padding", List{0, -9, 0, 0}}}));
  EXPECT_REFUSED("reshape", g.emit(reshape_op, {in({1})}, {{"shape", List{1, 1, 1, 1, 1, 1}}}));
  EXPECT_REFUSED("reshape", g.emit(reshape_op, {in({1})}, {{"shape", List{-1, -1}}}));
  EXPECT_REFUSED("permute", g.emit(permute_op, {in({1, 1})}, {{"axes", List{}}}));
  EXPECT_REFUSED("permute", g.emit(permute_op, {in({1, 1})}, {{"axes", int64_t{1}}}));
  EXPECT_REFUSED("permute", g.emit(permute_op, {in({1, 1})}));
}

TEST(ShapeRules, AnEmptyValueIsRefused) {
  EXPECT_THAT(refusal([](Graph& g, auto in) {
                g.emit(add_op, {in({3}), Value{}});
              }),
              ::testing::HasSubstr("add takes an empty value"));
  EXPECT_THAT(refusal([](Graph&, auto in) { add(in({3}), {}); }), ::testing::HasSubstr("empty value"));
  EXPECT_THAT(refusal([](Graph&, auto) { silu({}); }), ::testing::HasSubstr("empty value"));
  EXPECT_THAT(refusal([](Graph& g, auto) { g.output("y", {}); }), ::testing::HasSubstr("output y"));
  Graph other;
  const Value foreign = other.input("x", {3});
  EXPECT_THAT(refusal([&](Graph& g, auto) { g.output("y", foreign); }), ::testing::HasSubstr("output y"));
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
