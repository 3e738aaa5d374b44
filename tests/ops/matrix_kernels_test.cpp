// Matrices, convolutions and attention run on fast kernels (AMX, oneDNN) where they can, on every shape; programs of
// different row counts share packed weights; larger and odder shapes than the case tables agree with the reference.
#include <gmock/gmock.h>

#include <cmath>

#include "backend/backend.h"
#include "core/float_formats.h"
#include "graph/ops/attention.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/linear.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

// The graph of `build` with every operand and the result in `dtype`; biases stay F32.
template <typename Build>
Graph graph_in(DType dtype, const Build& build) {
  Graph g;
  g.output("y", build(g));
  for (int id = 0; id < g.size(); ++id) {
    Node& n = g.node(id);
    const bool bias = !n.paths.empty() && n.paths.front().ends_with("bias");
    if (!bias) n.precision = {dtype, dtype, DType::F32};
  }
  return g;
}

Tensors inputs_for(const Graph& g) {
  Tensors out;
  for (int id = 0; id < g.size(); ++id)
    if (g.node(id).op->name == "input")
      out[g.node(id).paths.front()] = random_tensor(g.node(id).shape, static_cast<uint64_t>(id) + 1);
  return out;
}

MemoryWeights weights_for(const Graph& g) {
  MemoryWeights out;
  for (int id = 0; id < g.size(); ++id)
    if (g.node(id).op->name == "weight")
      out.add(g.node(id).paths.front(), random_tensor(g.node(id).shape, static_cast<uint64_t>(id) + 100, 0.1f));
  return out;
}

std::shared_ptr<const HostKernel> kernel_for(const Graph& g, int threads = 1) {
  const Node& y = g.node(g.size() - 1);
  KernelRequest request{.op = y.op, .attrs = y.attrs, .output = y.spec(), .precision = y.precision, .threads = threads};
  for (int in : y.inputs) request.inputs.push_back(g.node(in).spec());
  return make_cpu_backend()->make_host_kernel(request);
}

// Whether oneDNN or AMX have kernels for `dtype` on this machine.
bool is_fast(DType dtype) {
  const Graph g = graph_in(dtype, [](Graph& made) {
    return linear(Scope(made, "fc"), made.input("x", {64, 64}), 64, true);
  });
  const std::string name = kernel_for(g)->name();
  return name.starts_with("onednn") || name.starts_with("amx");
}

// `magnitude`: Σ|a||b| of an element at most; `terms` of a sum; f32 accumulation and one rounding on either side, and
// `compute_roundings` of numbers on the way.
void expect_like_reference(const Graph& g, DType dtype, int64_t terms, double magnitude, double compute_roundings = 0) {
  const Tensors inputs = inputs_for(g);
  const MemoryWeights weights = weights_for(g);
  const RunResult want = run_graph(g, *make_reference_backend(), weights, inputs);
  RunOptions one{.threads = 1}, seven{.threads = 7};
  const RunResult got = run_graph(g, *make_cpu_backend(), weights, inputs, one);
  std::vector<double> bound;
  double relative = gamma(sum_steps(terms) + 12, DType::F32);
  if (dtype != DType::F32) relative += 2 * compute_roundings * unit_roundoff(dtype);
  for (float y : want.output("y"))
    bound.push_back(relative * magnitude + 2 * storage_error(dtype, static_cast<double>(y) + relative * magnitude));
  EXPECT_TRUE(within(got.output("y"), want.output("y"), bound)) << kernel_for(g)->name();
  const RunResult more = run_graph(g, *make_cpu_backend(), weights, inputs, seven);
  EXPECT_TRUE(same_bytes(more.output("y"), got.output("y")));
}

Graph linear_graph(DType dtype, int64_t m, int64_t n, int64_t k) {
  return graph_in(dtype, [&](Graph& g) { return linear(Scope(g, "fc"), g.input("x", {m, k}), n, true); });
}

Graph conv_graph(DType dtype, const Shape& x, int64_t out, int64_t kernel, int64_t stride, Padding padding) {
  return graph_in(dtype,
                  [&](Graph& g) { return conv2d(Scope(g, "conv"), g.input("x", x), out, kernel, stride, padding); });
}

Graph attention_graph(DType dtype, int64_t s, int64_t t, int64_t heads, int64_t kv_heads, int64_t d,
                      AttentionMask mask) {
  return graph_in(dtype, [&](Graph& g) {
    const Value q = g.input("q", {s, heads * d}), k = g.input("k", {t, kv_heads * d}),
                v = g.input("v", {t, kv_heads * d});
    return attention(q, k, v, heads, kv_heads, 1.0 / std::sqrt(static_cast<double>(d)), mask);
  });
}

constexpr DType kDTypes[] = {DType::F32, DType::BF16};

}  // namespace

TEST(MatrixKernels, LinearOfAnyShape) {
  const int64_t shapes[][3] = {{1, 2304, 256}, {2, 65, 33},    {17, 480, 288},  {64, 1152, 288}, {100, 288, 768},
                               {255, 96, 7},   {257, 128, 64}, {300, 2305, 48}, {513, 512, 31},  {31, 1, 1},
                               {33, 96, 600},  {48, 33, 545},  {16, 64, 2304},  {700, 1200, 300}};
  for (DType dtype : kDTypes)
    for (const auto& [m, n, k] : shapes) {
      SCOPED_TRACE(fmt::format("{} {}x{}x{}", to_string(dtype), m, n, k));
      const Graph g = linear_graph(dtype, m, n, k);
      if (is_fast(dtype)) {
        EXPECT_THAT(kernel_for(g)->name(), ::testing::ContainsRegex("^(onednn|amx)\\.linear"));
      }
      // Normal numbers: |x| < 6 and |w| < 0.6 hold for all of them, and most products are far smaller.
      expect_like_reference(g, dtype, k, 0.1 * static_cast<double>(k) + 4 * std::sqrt(static_cast<double>(k)) + 6);
    }
}

// What the way back is made of: panels and tiles that do not come out even, either operand transposed.
TEST(MatrixKernels, ProductsOfTheWayBackOfAnyShape) {
  const int64_t shapes[][3] = {{1, 2304, 256}, {300, 65, 33}, {513, 300, 70},
                               {257, 600, 1},  {31, 1, 7},    {64, 520, 288}};
  for (DType dtype : kDTypes)
    for (const auto& [m, n, k] : shapes)
      for (int form = 0; form < 4; ++form) {
        SCOPED_TRACE(fmt::format("{} {}x{}x{} form {}", to_string(dtype), m, n, k, form));
        const Graph g = graph_in(dtype, [&, rows = m, columns = n, depth = k](Graph& graph) {
          if (form == 0) return linear_transposed(graph.input("x", {rows, depth}), graph.weight("w", {depth, columns}));
          if (form == 1)
            return batched_outer(graph.input("a", {2, depth, rows}), graph.input("b", {2, depth, columns}));
          const Value a = graph.input("a", {2, rows, depth});  // two batches that read one
          return form == 2 ? batched_matmul(a, graph.input("b", {1, depth, columns}), false)
                           : batched_matmul(a, graph.input("b", {1, columns, depth}), true);
        });
        if (is_fast(dtype)) {
          EXPECT_THAT(kernel_for(g)->name(), ::testing::HasSubstr("onednn.matmul"));
        }
        expect_like_reference(g, dtype, k, static_cast<double>(k) + 16 * std::sqrt(static_cast<double>(k)) + 6);
      }
}

// Rows of x and of the weight as whole numbers up to 127 times a scale: as far from the exact product as half a unit of
// every number lets it be, and every kernel gives the reference's numbers.
TEST(MatrixKernels, LinearOfEightBitNumbers) {
  const int64_t shapes[][3] = {{1, 96, 256},  {2, 65, 33},    {17, 480, 288}, {64, 1152, 288}, {257, 128, 65},
                               {33, 96, 600}, {48, 33, 2500}, {31, 1, 1},     {300, 300, 768}};
  for (DType result : {DType::F32, DType::BF16})
    for (const auto& [m, n, k] : shapes) {
      SCOPED_TRACE(fmt::format("{}x{}x{} to {}", m, n, k, to_string(result)));
      Graph g = linear_graph(DType::BF16, m, n, k);
      g.node(g.size() - 1).precision = {result, DType::I8, DType::F32};
      const Tensors inputs = inputs_for(g);
      const MemoryWeights weights = weights_for(g);
      const RunResult want = run_graph(g, *make_reference_backend(), weights, inputs);
      const RunResult got = run_graph(g, *make_cpu_backend(), weights, inputs, {.threads = 2});
      // Whole numbers are summed exactly, or in f32; three products by scales and a bias are rounded.
      std::vector<double> bound;
      for (float y : want.output("y"))
        bound.push_back(gamma(sum_steps(k) + 4, DType::F32) * (std::abs(y) + 0.1 * static_cast<double>(k)) +
                        2 * storage_error(result, y));
      EXPECT_TRUE(within(got.output("y"), want.output("y"), bound)) << kernel_for(g)->name();

      Graph exact = linear_graph(DType::F32, m, n, k);
      for (int id = 0; id + 1 < exact.size(); ++id) exact.node(id).precision = g.node(id).precision;
      const std::vector<float> plain = run_graph(exact, *make_reference_backend(), weights, inputs).output("y");
      const std::vector<float>& x = inputs.at("x").values;
      std::vector<float> w(static_cast<size_t>(n * k));
      weights.read("fc.weight", DType::F32, reinterpret_cast<std::byte*>(w.data()));
      const auto largest = [&](const std::vector<float>& rows, int64_t row) {
        float out = 0;
        for (int64_t i = 0; i < k; ++i)
          out = std::max(out, std::abs(round_to(DType::BF16, rows[static_cast<size_t>(row * k + i)])));
        return static_cast<double>(out);
      };
      std::vector<double> half_units;
      for (int64_t row = 0; row < m; ++row)
        for (int64_t column = 0; column < n; ++column) {
          const double sx = largest(x, row) / 127, sw = largest(w, column) / 127;
          double sum = 0;
          for (int64_t i = 0; i < k; ++i)
            sum += std::abs(x[static_cast<size_t>(row * k + i)]) * sw / 2 +
                   std::abs(w[static_cast<size_t>(column * k + i)]) * sx / 2 + sx * sw / 4;
          const double y = plain[static_cast<size_t>(row * n + column)];
          half_units.push_back(1.01 * sum + 2 * storage_error(result, std::abs(y) + sum));
        }
      EXPECT_TRUE(within(want.output("y"), plain, half_units));
    }
}

TEST(MatrixKernels, EightBitRowsWithoutANumberSayso) {
  Graph g = linear_graph(DType::BF16, 40, 33, 70);
  g.node(g.size() - 1).precision = {DType::F32, DType::I8, DType::F32};
  Tensors inputs = inputs_for(g);
  inputs["x"].values[3 * 70 + 69] = std::nanf("");
  inputs["x"].values[5 * 70] = INFINITY;
  std::fill_n(inputs["x"].values.begin() + 7 * 70, 70, 0.0f);
  const MemoryWeights weights = weights_for(g);
  for (const auto& backend : {make_reference_backend(), make_cpu_backend()}) {
    const std::vector<float> y = run_graph(g, *backend, weights, inputs).output("y");
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i / 33 == 3 || i / 33 == 5) << i;
  }
}

// Results of 4 MiB and more take another way to memory; every row of them is what it is by itself.
TEST(MatrixKernels, ALargeResultIsThatOfItsRows) {
  for (DType compute : {DType::BF16, DType::I8})
    for (DType result : {DType::BF16, DType::F32})
      for (int64_t n : {3072, 3080, 3057}) {  // rows of whole lines, of whole vectors, of neither
        SCOPED_TRACE(fmt::format("{} columns, computed in {}, to {}", n, to_string(compute), to_string(result)));
        constexpr int64_t kRows = 750, kHalf = 375, kDepth = 900;
        const auto in = [&](int64_t rows) {
          Graph g = linear_graph(DType::BF16, rows, n, kDepth);
          g.node(g.size() - 1).precision = {result, compute, DType::F32};
          return g;
        };
        const Graph whole = in(kRows), half = in(kHalf);
        if (!kernel_for(whole)->name().starts_with("amx")) GTEST_SKIP() << "no AMX on this machine";
        ASSERT_GE(whole.node(whole.size() - 1).spec().bytes(), size_t{4} << 20);
        const Tensors x = inputs_for(whole);
        const MemoryWeights weights = weights_for(whole);
        const std::vector<float> got = run_graph(whole, *make_cpu_backend(), weights, x, {.threads = 2}).output("y");
        std::vector<float> parts;
        for (int64_t part = 0; part < kRows; part += kHalf) {
          Tensors rows = inputs_for(half);
          std::copy_n(x.at("x").values.begin() + part * kDepth, kHalf * kDepth, rows["x"].values.begin());
          const std::vector<float> y = run_graph(half, *make_cpu_backend(), weights, rows).output("y");
          parts.insert(parts.end(), y.begin(), y.end());
        }
        EXPECT_TRUE(same_bytes(got, parts));
      }
}

TEST(MatrixKernels, ProgramsOfOtherRowCountsSharePackedWeights) {
  for (DType dtype : kDTypes) {
    if (!is_fast(dtype)) continue;
    for (const auto& [n, k] : {std::pair<int64_t, int64_t>{3840, 2304}, {1152, 288}, {65, 13}, {9216, 64}}) {
      const WeightLayout first = kernel_for(linear_graph(dtype, 1280, n, k))->weight_layout(1);
      EXPECT_FALSE(first.key.empty());
      for (int64_t m : {1, 2, 31, 77, 256, 4352}) {
        const WeightLayout other = kernel_for(linear_graph(dtype, m, n, k))->weight_layout(1);
        EXPECT_EQ(other.key, first.key) << m;
        EXPECT_EQ(other.bytes, first.bytes) << m;
      }
    }
  }
}

TEST(MatrixKernels, ConvolutionOfAnyShape) {
  struct Row {
    Shape x;
    int64_t out, kernel, stride;
    Padding padding;
  };
  const Row rows[] = {{{33, 17, 20}, 24, 3, 1, {1, 1, 1, 1}}, {{64, 64, 32}, 32, 3, 1, {1, 1, 1, 1}},
                      {{64, 64, 32}, 3, 3, 1, {1, 1, 1, 1}},  {{63, 40, 16}, 16, 3, 2, {0, 0, 1, 1}},
                      {{64, 40, 16}, 48, 3, 2, {0, 0, 1, 1}}, {{112, 84, 3}, 64, 14, 14, {}},
                      {{19, 23, 48}, 96, 1, 1, {}},           {{2, 2, 16}, 32, 3, 1, {1, 1, 1, 1}},
                      {{40, 1, 8}, 8, 3, 1, {1, 1, 1, 1}}};
  for (DType dtype : kDTypes)
    for (const Row& r : rows) {
      SCOPED_TRACE(fmt::format("{} {} to {}, {} by {}", to_string(dtype), r.x.str(), r.out, r.kernel, r.stride));
      const Graph g = conv_graph(dtype, r.x, r.out, r.kernel, r.stride, r.padding);
      if (is_fast(dtype)) {
        EXPECT_THAT(kernel_for(g)->name(), ::testing::HasSubstr("onednn.conv2d"));
      }
      const auto terms = static_cast<double>(r.x[2] * r.kernel * r.kernel);
      expect_like_reference(g, dtype, r.x[2] * r.kernel * r.kernel, 0.1 * terms + 4 * std::sqrt(terms) + 6);
    }
}

TEST(MatrixKernels, PicturesOfTheDecoderSharePackedWeights) {
  for (DType dtype : kDTypes) {
    if (!is_fast(dtype)) continue;
    for (int64_t channels : {32, 128, 512}) {
      const WeightLayout first =
          kernel_for(conv_graph(dtype, {64, 64, channels}, 128, 3, 1, {1, 1, 1, 1}))->weight_layout(1);
      for (const auto& [h, w] : {std::pair<int64_t, int64_t>{128, 128}, {96, 160}, {80, 48}}) {
        const Graph g = conv_graph(dtype, {h, w, channels}, 128, 3, 1, {1, 1, 1, 1});
        EXPECT_EQ(kernel_for(g)->weight_layout(1).key, first.key) << h << "x" << w << "x" << channels;
      }
    }
  }
}

TEST(MatrixKernels, AttentionOfAnyShape) {
  struct Row {
    int64_t s, t, heads, kv_heads, d;
    AttentionMask mask;
  };
  const Row rows[] = {{1, 1, 2, 1, 32, {}},
                      {2, 65, 4, 2, 48, {}},
                      {65, 65, 3, 3, 96, {}},
                      {129, 257, 6, 2, 64, {}},
                      {200, 200, 1, 1, 512, {}},
                      {300, 1000, 2, 1, 16, {}},
                      {40, 9000, 1, 1, 32, {}},
                      {190, 190, 8, 4, 256, {.causal = true}},
                      {190, 190, 4, 2, 64, {.causal = true, .window = 33}},
                      {700, 700, 2, 1, 32, {.causal = true, .window = 130}},
                      {40, 600, 2, 2, 33, {}}};
  for (DType dtype : kDTypes)
    for (const Row& r : rows) {
      SCOPED_TRACE(fmt::format("{} {}x{} {}/{} of {}", to_string(dtype), r.s, r.t, r.heads, r.kv_heads, r.d));
      const Graph g = attention_graph(dtype, r.s, r.t, r.heads, r.kv_heads, r.d, r.mask);
      if (is_fast(dtype)) {
        EXPECT_THAT(kernel_for(g)->name(), ::testing::ContainsRegex("^(onednn|amx)\\.attention"));
      }
      // Values below 6, weighted by probabilities: an error of a score's Σ|q||k| moves its probability.
      const double sensitivity = 1 + 2 * std::sqrt(static_cast<double>(r.d));
      expect_like_reference(g, dtype, r.d + r.t, 6 * sensitivity, 1 / sensitivity);
    }
}

TEST(MatrixKernels, AttentionShowsNaN) {
  for (DType dtype : kDTypes) {
    const Graph g = attention_graph(dtype, 33, 70, 2, 2, 16, {});
    Tensors inputs = inputs_for(g);
    inputs["k"].values[69 * 32] = std::nanf("1");  // the last key of the first head
    const std::vector<float> y = run_graph(g, *make_cpu_backend(), MemoryWeights(), inputs).output("y");
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i % 32 < 16) << i;
  }
}

TEST(MatrixKernels, ScratchOfAttentionStaysBounded) {
  if (!is_fast(DType::BF16)) GTEST_SKIP() << "no fast bf16 on this machine";
  const Graph g = attention_graph(DType::BF16, 16384, 16384, 1, 1, 512, {});
  const auto kernel = kernel_for(g, 2);
  const size_t packed = 2 * size_t{16384} * 512 * 2;
  EXPECT_LE(kernel->scratch_bytes(), packed + 2 * (size_t{4} << 20));
}

}  // namespace newbie::test
