// The Vulkan backend computes what the reference computes: every case of an op that it has, every dtype, within the
// bound that the roundings of both explain; by the kernels for GPUs and by those for drivers on a CPU.
#include "support/vulkan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/float_formats.h"
#include "core/quantise.h"
#include "graph/ops/all.h"
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

// Made by training alone, by the bands of an autoencoder that has too little of the host's memory, or not used by our
// networks' inference: a device has no kernel for them, and says so.
const std::set<const OpDef*>& without_kernel() {
  static const std::set<const OpDef*> ops{&banded_conv2d_op,
                                          &linear_transposed_op,
                                          &batched_outer_op,
                                          &max_pool2d_op,
                                          &average_pool2d_op,
                                          &attention_softmax_gradient_op,
                                          &rms_norm_gradient_op,
                                          &layer_norm_gradient_op,
                                          &silu_gradient_op,
                                          &sum_rows_op,
                                          &squared_error_op,
                                          &squared_error_gradient_op,
                                          &dropout_op};
  return ops;
}

bool has_kernel(const OpCase& c) { return !without_kernel().contains(c.op); }
bool is_matrix(const OpCase& c) {
  return has_kernel(c) &&
         (c.op->numeric_class == NumericClass::Matmul || c.op->numeric_class == NumericClass::Convolution);
}

void compare(const OpCase& c, const Backend& device) {
  const auto reference = make_reference_backend();
  for (const CaseDTypes& dtypes : dtypes_for(c)) {
    const Graph g = op_graph(c, dtypes);
    const RunResult fast = run_graph(g, device, weights_of(c), inputs_of(c), {.observe = true});
    const RunResult slow = run_graph(g, *reference, weights_of(c), inputs_of(c));
    const Expected e = expected(c, dtypes);
    Doubles far = bound(c, dtypes, e, DType::F32);
    const Doubles own = bound(c, dtypes, e, DType::F64);
    for (size_t i = 0; i < far.size(); ++i) far[i] += own[i];
    EXPECT_TRUE(within(fast.output("y"), slow.output("y"), far)) << c.name << ", " << dtypes.name;
    EXPECT_TRUE(same_bytes(fast.path("y"), fast.output("y"))) << c.name << ", " << dtypes.name;
    EXPECT_EQ(fast.used_arena_bytes, fast.memory.arena_bytes);
  }
}

// One for all tests of a program: shaders are compiled once.
const Backend& on_software() {
  static const auto backend = make_vulkan_backend(kSoftwareDriver);
  return *backend;
}

class VulkanCase : public ::testing::TestWithParam<size_t> {};
class VulkanMatrix : public ::testing::TestWithParam<size_t> {};

}  // namespace

TEST_P(VulkanCase, MatchesReference) {
  NEWBIE_NEEDS_VULKAN();
  compare(all_cases()[GetParam()], on_software());
}

TEST_P(VulkanMatrix, ForGpusMatchesReference) {
  NEWBIE_NEEDS_VULKAN();
  static const auto tiled = make_vulkan_backend(kSoftwareDriver, {.tiled = true});
  compare(all_cases()[GetParam()], *tiled);
}

INSTANTIATE_TEST_SUITE_P(Ops, VulkanCase, ::testing::ValuesIn(case_numbers(has_kernel)),
                         [](const auto& i) { return case_name(i.param); });
INSTANTIATE_TEST_SUITE_P(Ops, VulkanMatrix, ::testing::ValuesIn(case_numbers(is_matrix)),
                         [](const auto& i) { return case_name(i.param); });

// Ties, overflow, f16's subnormals and infinities among others: the bits that the host makes.
TEST(Vulkan, RoundsAsTheHostDoes) {
  NEWBIE_NEEDS_VULKAN();
  Tensor x = random_tensor({4096}, 71, 3.0f);
  for (size_t i = 0; i < 2048; ++i) x.values[i] = std::ldexp(x.values[i], static_cast<int>(i % 48) - 30);
  const float marks[] = {1 + 0x1p-8f, 1 + 0x1.8p-7f, 1 + 0x1p-11f, 1 + 0x1.8p-10f, 65519.0f,
                         65520.0f,    1e30f,         3.4e38f,      0x1p-14f,       0x1p-24f,
                         0x1p-25f,    0x1.8p-25f,    0x1.8p-24f,   0x1.ffcp-15f,   0.0f,
                         -0.0f,       INFINITY,      -INFINITY,    -0x1.4p-23f,    0x1.fffffep-15f};
  std::ranges::copy(marks, x.values.begin());
  const auto reference = make_reference_backend();
  for (const DType dtype : {DType::BF16, DType::F16}) {
    Graph g;
    const Value y = g.emit(cast_op, {g.input("x", x.shape)});
    g.node(y.id()).precision = {dtype, dtype, DType::F32};
    g.output("y", y);
    const RunResult host = run_graph(g, *reference, MemoryWeights(), {{"x", x}});
    const RunResult device = run_graph(g, on_software(), MemoryWeights(), {{"x", x}});
    EXPECT_TRUE(same_bytes(device.output("y"), host.output("y"))) << to_string(dtype);
  }
}

// 8-bit products by both kernels: the very bits of the formula, each step of it rounded in f32; so are the CPU's.
TEST(Vulkan, ProductsOfEightBitNumbersHaveTheBitsOfTheFormula) {
  NEWBIE_NEEDS_VULKAN();
  const auto tiled = make_vulkan_backend(kSoftwareDriver, {.tiled = true});
  struct Quantised {
    std::vector<int8_t> numbers;
    std::vector<float> scales;
  };
  const auto quantise = [](const std::vector<float>& values, int64_t width) {
    Quantised out;
    for (size_t row = 0; row < values.size(); row += static_cast<size_t>(width)) {
      float largest = 0;
      for (size_t i = row; i < row + static_cast<size_t>(width); ++i) largest = std::max(largest, std::abs(values[i]));
      const Int8Scale scale(largest);
      out.scales.push_back(scale.scale);
      for (size_t i = row; i < row + static_cast<size_t>(width); ++i) out.numbers.push_back(scale.quantise(values[i]));
    }
    return out;
  };
  const int64_t shapes[][3] = {{1, 96, 256}, {2, 65, 33}, {70, 130, 65}, {9, 33, 1152}, {31, 1, 1}};
  for (const auto& [m, n, k] : shapes)
    for (const DType result : {DType::F32, DType::BF16})
      for (const bool biased : {false, true}) {
        SCOPED_TRACE(fmt::format("{}x{}x{} to {}{}", m, n, k, to_string(result), biased ? " with a bias" : ""));
        Graph g;
        const Value x = g.input("x", {m, k}), w = g.weight("w", {n, k});
        const Value y = biased ? linear(x, w, g.weight("b", {n})) : linear(x, w);
        g.node(y.id()).precision = {result, DType::I8, DType::F32};
        g.output("y", y);
        Tensor of_x = random_tensor({m, k}, 1), of_w = random_tensor({n, k}, 2, 0.1f);
        for (float& v : of_x.values)
          v = std::ldexp(v, static_cast<int>(&v - of_x.values.data()) / static_cast<int>(k) % 40 - 20);
        if (m > 2) std::fill_n(of_x.values.begin() + k, k, 0.0f);
        const Tensor of_b = random_tensor({n}, 3);
        MemoryWeights weights;
        weights.add("w", of_w);
        weights.add("b", of_b);
        const Quantised qx = quantise(of_x.values, k), qw = quantise(of_w.values, k);
        std::vector<float> want;
        for (int64_t row = 0; row < m; ++row)
          for (int64_t column = 0; column < n; ++column) {
            int32_t sum = 0;
            for (int64_t i = 0; i < k; ++i)
              sum += int32_t{qx.numbers[static_cast<size_t>(row * k + i)]} *
                     qw.numbers[static_cast<size_t>(column * k + i)];
            // volatile: no compiler makes one rounding of two.
            volatile float v = qx.scales[static_cast<size_t>(row)] * qw.scales[static_cast<size_t>(column)];
            v = static_cast<float>(sum) * v;
            if (biased) v = v + of_b.values[static_cast<size_t>(column)];
            want.push_back(round_to(result, v));
          }
        for (const Backend* backend : {&on_software(), static_cast<const Backend*>(tiled.get())}) {
          const RunResult got = run_graph(g, *backend, weights, {{"x", of_x}});
          EXPECT_TRUE(same_bytes(got.output("y"), want));
          EXPECT_EQ(got.used_arena_bytes, got.memory.arena_bytes);
        }
      }
}

// A row that is not finite makes its results NaN, no others; a row of zeros is zeros.
TEST(Vulkan, EightBitRowsWithoutANumberSaySo) {
  NEWBIE_NEEDS_VULKAN();
  Graph g;
  const Value y = linear(g.input("x", {9, 70}), g.weight("w", {33, 70}));
  g.node(y.id()).precision = {DType::F32, DType::I8, DType::F32};
  g.output("y", y);
  Tensor x = random_tensor({9, 70}, 1);
  x.values[3 * 70 + 69] = std::nanf("");
  x.values[5 * 70] = INFINITY;
  std::fill_n(x.values.begin() + 7 * 70, 70, 0.0f);
  MemoryWeights weights;
  weights.add("w", random_tensor({33, 70}, 2));
  const std::vector<float> out = run_graph(g, on_software(), weights, {{"x", x}}).output("y");
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(std::isnan(out[i]), i / 33 == 3 || i / 33 == 5) << i;
    if (i / 33 == 7) {
      EXPECT_EQ(out[i], 0.0f) << i;
    }
  }
}

// Products by matrix units, where this build and this driver have them (`./dev gpu`): what f16 numbers are multiplied
// to is exact, so that the bounds of plain kernels hold, and ragged shapes, ends and batches are those of everything
// else.
TEST(Vulkan, ProductsByMatrixUnitsMatchTheReference) {
  NEWBIE_NEEDS_VULKAN();
  VulkanDevice found;
  for (const VulkanDevice& d : list_vulkan_devices().devices)
    if (d.name.find(kSoftwareDriver) != std::string::npos) found = d;
  if (found.units.empty()) {
    EXPECT_FALSE(must_have_matrix_units()) << found.units_refusal;
    GTEST_SKIP() << (found.units_refusal.empty() ? "this driver has no matrix units" : found.units_refusal);
  }
  EXPECT_EQ(found.units_refusal, "");
  const auto doubted = make_vulkan_backend(kSoftwareDriver, {.doubt_units = true});
  EXPECT_EQ(doubted->version().find("matrix units"), std::string::npos) << "units that fail their test are not used";
  EXPECT_NE(on_software().version().find("matrix units f16"), std::string::npos) << on_software().version();

  const int64_t shapes[][3] = {{1, 96, 256}, {2, 65, 33}, {70, 130, 65}, {9, 33, 288}, {31, 1, 1}, {33, 40, 128}};
  const auto reference = make_reference_backend();
  for (const auto& [m, n, k] : shapes)
    for (int form = 0; form < 4; ++form) {
      SCOPED_TRACE(fmt::format("{}x{}x{}, form {}", m, n, k, form));
      Graph g;
      Value y;
      if (form == 3) {  // two batches that read one
        y = batched_matmul(g.input("x", {4, m, k}), g.input("w", {2, n, k}), true);
      } else {
        const Value x = g.input("x", {m, k}), w = g.weight("w", {n, k});
        y = form == 0   ? linear(x, w)
            : form == 1 ? linear(x, w, g.weight("b", {n}))
                        : g.emit(linear_add_op, {x, w, g.input("b", {m, n})});
      }
      for (int id = 0; id < y.id(); ++id) g.node(id).precision = {DType::F16, DType::F16, DType::F32};
      g.node(y.id()).precision = {DType::F32, DType::F16, DType::F32};
      g.output("y", y);
      const Tensor x = random_tensor(form == 3 ? Shape{4, m, k} : Shape{m, k}, 1);
      const Tensor w = random_tensor(form == 3 ? Shape{2, n, k} : Shape{n, k}, 2);
      const Tensor b = random_tensor(form == 2 ? Shape{m, n} : Shape{n}, 3);
      MemoryWeights weights;
      weights.add("w", w);
      weights.add("b", b);
      const Tensors inputs{{"x", x}, {"w", w}, {"b", b}};
      const RunResult want = run_graph(g, *reference, weights, inputs);
      const RunResult got = run_graph(g, on_software(), weights, inputs);
      const RunResult without = run_graph(g, *doubted, weights, inputs);
      // The sum of the products' magnitudes is the same graph of magnitudes.
      const auto magnitudes = [](Tensor of) {
        for (float& v : of.values) v = std::abs(v);
        return of;
      };
      MemoryWeights large;
      large.add("w", magnitudes(w));
      large.add("b", magnitudes(b));
      const Tensors all_positive{{"x", magnitudes(x)}, {"w", magnitudes(w)}, {"b", magnitudes(b)}};
      std::vector<double> bound;
      const RunResult sizes = run_graph(g, *reference, large, all_positive);
      for (const float v : sizes.output("y")) bound.push_back(2 * gamma(static_cast<double>(k) + 2, DType::F32) * v);
      EXPECT_TRUE(within(got.output("y"), want.output("y"), bound));
      EXPECT_TRUE(within(without.output("y"), want.output("y"), bound));
    }
}

// Every dispatch in pieces, every copy as on a card.
TEST(Vulkan, GivesTheSameBytesInPiecesAndByCopies) {
  NEWBIE_NEEDS_VULKAN();
  const auto cut = make_vulkan_backend(kSoftwareDriver, {.staged = true, .work_of_submission = 1000});
  for (const OpCase& c : all_cases()) {
    if (!has_kernel(c)) continue;
    const Graph g = op_graph(c, dtypes_for(c).front());
    const RunResult whole = run_graph(g, on_software(), weights_of(c), inputs_of(c));
    const RunResult pieces = run_graph(g, *cut, weights_of(c), inputs_of(c));
    EXPECT_TRUE(same_bytes(pieces.output("y"), whole.output("y"))) << c.name;
  }
}

TEST(Vulkan, RefusesOtherOpsWithAReason) {
  NEWBIE_NEEDS_VULKAN();
  for (const OpCase& c : all_cases()) {
    if (has_kernel(c)) continue;
    const Graph g = op_graph(c, dtypes_for(c).front());
    EXPECT_THROW(run_graph(g, on_software(), weights_of(c), inputs_of(c)), Error) << c.name;
  }
}

// Two products, a norm and a gather: uploads, dispatches, a step of the host's, a download.
TEST(Vulkan, EveryCallOfTheDriverMayFail) {
  NEWBIE_NEEDS_VULKAN();
  Graph g;
  Value x = embedding(g.input("ids", {5}, Element::Index), g.weight("table", {9, 64}));
  x = linear(silu(linear(x, g.weight("w", {64, 64}))), g.weight("v", {64, 64}));
  g.output("y", rms_norm(x, g.weight("n", {64}), 1e-5));
  MemoryWeights weights;
  for (const char* name : {"w", "v"}) weights.add(name, random_tensor({64, 64}, 1, 0.1f));
  weights.add("table", random_tensor({9, 64}, 2));
  weights.add("n", random_tensor({64}, 3));
  const Tensors inputs{{"ids", {{5}, {1, 8, 0, 3, 1}}}};

  for (const bool staged : {false, true}) {
    size_t calls = 0, at = SIZE_MAX;
    const auto run = [&] {
      calls = 0;
      const auto backend = make_vulkan_backend(
          kSoftwareDriver, {.fault = [&](const char*) { return calls++ != at; }, .staged = staged, .units = false});
      return run_graph(g, *backend, weights, inputs).output("y");
    };
    const std::vector<float> want = run();
    const size_t all = calls;
    ASSERT_GT(all, 30U);
    for (at = 0; at < all; ++at) {
      try {
        run();
        ADD_FAILURE() << "call " << at << " failed and nobody told";
      } catch (const Error& e) {
        EXPECT_TRUE(e.kind() == ErrorKind::OverBudget || e.kind() == ErrorKind::Unsupported) << at << ": " << e.what();
      }
    }
    at = SIZE_MAX;
    EXPECT_TRUE(same_bytes(run(), want));
  }
}

// Work that is not done when patience ends: an error, not a process that waits for ever, and nothing goes there any
// more.
TEST(Vulkan, ADeviceThatDoesNotAnswerIsGivenUp) {
  NEWBIE_NEEDS_VULKAN();
  const auto backend = make_vulkan_backend(kSoftwareDriver, {.units = false, .patience_seconds = 1e-9});
  Graph g;
  g.output("y", linear(g.input("x", {512, 2048}), g.weight("w", {512, 2048})));  // a GFLOP
  MemoryWeights weights;
  weights.add("w", random_tensor({512, 2048}, 1, 0.1f));
  const Tensors inputs{{"x", random_tensor({512, 2048}, 2)}};
  for (int again = 0; again < 2; ++again) {
    try {
      run_graph(g, *backend, weights, inputs);
      FAIL() << "it was waited for";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::Unsupported);
      EXPECT_THAT(e.message(), ::testing::HasSubstr("does not answer"));
    }
  }
}

// Mesa's driver leaves the loops of an invocation after 65,535 turns. What would need more is refused; what comes near
// it is right.
TEST(Vulkan, LoopsThatTheDriverLeavesTooEarlyAreRefused) {
  NEWBIE_NEEDS_VULKAN();
  const auto mean = [](int64_t rows) {
    Graph g;
    g.output("y", g.emit(mean_rows_op, {g.input("x", {rows, 8})}));
    Tensor x{{rows, 8}, std::vector<float>(static_cast<size_t>(rows) * 8, 0.5F)};
    return run_graph(g, on_software(), MemoryWeights(), {{"x", std::move(x)}}).output("y");
  };
  EXPECT_EQ(mean(65000), std::vector<float>(8, 0.5F));
  EXPECT_THROW(mean(66000), Error);

  // One query of zeros, so that every key weighs 1 / keys; only the last key's value is 1, so the result is 1 / keys if
  // all were counted and the last was read.
  const auto attend = [](int64_t keys, int64_t head) {
    Graph g;
    g.output("y",
             attention(g.input("q", {1, head}), g.input("k", {keys, head}), g.input("v", {keys, head}), 1, 1, 0.1));
    std::vector<float> late(static_cast<size_t>(keys * head), 0.0F);
    std::fill(late.end() - head, late.end(), 1.0F);  // of the last key alone
    return run_graph(g, on_software(), MemoryWeights(),
                     {{"q", {{1, head}, std::vector<float>(static_cast<size_t>(head), 0.0F)}},
                      {"k", random_tensor({keys, head}, 2)},
                      {"v", {{keys, head}, std::move(late)}}})
        .output("y")[0];
  };
  for (const int64_t head : {64, 512}) {
    const int64_t keys = head == 64 ? 12000 : 5000;
    EXPECT_FLOAT_EQ(attend(keys, head), 1.0F / static_cast<float>(keys)) << head;
    EXPECT_THROW(attend(3 * keys, head), Error) << head;
  }
}

// Nothing goes to a device that was lost, and that is what is said.
TEST(Vulkan, ALostDeviceStaysLost) {
  NEWBIE_NEEDS_VULKAN();
  bool lost = false;
  const auto backend = make_vulkan_backend(
      kSoftwareDriver, {.fault = [&](const char* call) { return !lost || std::string_view(call) != "WaitForFences"; }});
  Graph g;
  g.output("y", silu(g.input("x", {4, 32})));
  const Tensors inputs{{"x", random_tensor({4, 32}, 1)}};
  const MemoryWeights none;
  run_graph(g, *backend, none, inputs);
  lost = true;
  EXPECT_THROW(run_graph(g, *backend, none, inputs), Error);
  lost = false;
  try {
    run_graph(g, *backend, none, inputs);
    FAIL() << "a lost device went on";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::Unsupported);
    EXPECT_THAT(e.message(), ::testing::HasSubstr("the device is lost"));
  }
}

}  // namespace newbie::test
