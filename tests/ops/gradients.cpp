// What differentiate() gives is the slope of the formula: every case of an op that training leads through, its
// operands moved a little in double, the formula being the case's own.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "compile/differentiate.h"
#include "graph/ops/all.h"
#include "ops/cases.h"
#include "support/close.h"
#include "support/graph_runner.h"

namespace newbie::test {

namespace {

// Ops that no trained network has between a weight and its loss; and those that only the way back is made of.
const std::set<const OpDef*> kNotDifferentiated{&cast_op,
                                                &conv2d_op,
                                                &banded_conv2d_op,
                                                &max_pool2d_op,
                                                &average_pool2d_op,
                                                &group_norm_op,
                                                &group_norm_silu_op,
                                                &gelu_tanh_op,
                                                &gelu_erf_op,
                                                &geglu_tanh_op,
                                                &relu_op,
                                                &embedding_op,
                                                &timestep_embedding_op,
                                                &mean_rows_op,
                                                &upsample_nearest_op,
                                                &sum_rows_op,
                                                &silu_gradient_op,
                                                &rms_norm_gradient_op,
                                                &layer_norm_gradient_op,
                                                &attention_softmax_gradient_op,
                                                &squared_error_gradient_op};

bool has_elements(const OpCase& c) {
  return std::ranges::none_of(c.operands, [](const Operand& o) { return o.tensor.values.empty(); }) &&
         op_graph(c, {.name = "f32"}).node(static_cast<int>(c.operands.size())).shape.elements() > 0;
}
bool is_differentiated(const OpCase& c) { return !kNotDifferentiated.contains(c.op) && has_elements(c); }
bool is_moved(const Operand& o) { return o.role != Role::Ids && o.role != Role::Parameter; }

Doubles as_doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

// mean((formula − target)²), and what one relative error in a number on the way moves it by.
struct Loss {
  double value = 0, magnitude = 0;
};
Loss loss_of(const OpCase& c, const std::vector<Doubles>& operands, const std::vector<float>& target) {
  const Expected e = c.formula(operands, DType::F32);
  const double n = static_cast<double>(e.value.size());
  Loss out;
  for (size_t i = 0; i < e.value.size(); ++i) {
    const double t = static_cast<double>(target[i]), m = e.magnitude[i];
    out.value += (e.value[i] - t) * (e.value[i] - t) / n;
    out.magnitude += 2.0 * (std::abs(e.value[i]) + std::abs(t) + m) * (std::abs(e.value[i]) + m) / n;
  }
  return out;
}

// The op on weights alone, so that each of them has a gradient, and the loss of its result.
Graph loss_graph(const OpCase& c) {
  Graph g;
  std::vector<Value> operands;
  for (const Operand& o : c.operands)
    operands.push_back(is_moved(o) ? g.weight(o.name, o.tensor.shape) : g.input(o.name, o.tensor.shape));
  const Value y = g.emit(*c.op, operands, c.attrs, "module.y");
  g.output("loss", squared_error(y, g.input("target", y.shape())));
  return g;
}

class GradientCase : public ::testing::TestWithParam<size_t> {};

}  // namespace

TEST_P(GradientCase, IsTheSlopeOfTheFormula) {
  const OpCase& c = all_cases()[GetParam()];
  const Graph plain = loss_graph(c);
  const Graph g = differentiate(plain, "loss", [](const std::string&) { return true; });
  Tensors inputs{{std::string(kLossGradient), {{1}, {1.0f}}}};
  MemoryWeights weights;
  std::vector<Doubles> operands;
  for (const Operand& o : c.operands) {
    operands.push_back(as_doubles(o.tensor.values));
    if (is_moved(o))
      weights.add(o.name, o.tensor);
    else
      inputs[o.name] = o.tensor;
  }
  const Shape y = plain.node(*plain.find_input("target")).shape;
  inputs["target"] = random_tensor(y, 4711);
  const RunResult run = run_graph(g, *make_reference_backend(), weights, inputs);

  const Loss loss = loss_of(c, operands, inputs["target"].values);
  EXPECT_TRUE(within(run.output("loss"), std::vector<float>{static_cast<float>(loss.value)},
                     std::vector<double>{gamma(2 * c.steps + 8, DType::F32) * loss.magnitude}));

  constexpr double kStep = 1e-6;
  for (size_t k = 0; k < c.operands.size(); ++k) {
    if (!is_moved(c.operands[k])) continue;
    const std::vector<float>& gradient = run.output(gradient_name(c.operands[k].name));
    ASSERT_EQ(gradient.size(), operands[k].size());
    for (int direction = 0; direction < 3; ++direction) {
      const std::vector<float> random =
          random_tensor({static_cast<int64_t>(gradient.size())}, 100 * k + static_cast<uint64_t>(direction)).values;
      double along = 0, magnitude = loss.magnitude;
      std::vector<Doubles> up = operands, down = operands;
      for (size_t i = 0; i < gradient.size(); ++i) {
        // Relative steps: those that the magnitudes of the case speak of.
        const double move = operands[k][i] * std::tanh(static_cast<double>(random[i]));
        up[k][i] += kStep * move;
        down[k][i] -= kStep * move;
        along += static_cast<double>(gradient[i]) * move;
        magnitude += std::abs(static_cast<double>(gradient[i]) * operands[k][i]);
      }
      const double slope =
          (loss_of(c, up, inputs["target"].values).value - loss_of(c, down, inputs["target"].values).value) /
          (2.0 * kStep);
      // The way back makes about as many roundings as the way there, twice: products, then sums (Griewank & Walther,
      // §3.4). The quotient of differences loses what double has left behind kStep.
      const double bound = gamma(4.0 * (c.steps + 8.0), DType::F32) * magnitude + 1e-9 * magnitude;
      EXPECT_NEAR(along, slope, bound) << c.operands[k].name;
    }
  }
}

TEST_P(GradientCase, FastKernelsGiveTheSame) {
  const OpCase& c = all_cases()[GetParam()];
  const Graph g = differentiate(loss_graph(c), "loss", [](const std::string&) { return true; });
  Tensors inputs{{std::string(kLossGradient), {{1}, {1.0f}}}};
  MemoryWeights weights;
  for (const Operand& o : c.operands) {
    if (is_moved(o))
      weights.add(o.name, o.tensor);
    else
      inputs[o.name] = o.tensor;
  }
  inputs["target"] = random_tensor(g.node(*g.find_input("target")).shape, 4711);
  const RunResult fast = run_graph(g, *make_cpu_backend(), weights, inputs);
  const RunResult slow = run_graph(g, *make_reference_backend(), weights, inputs);
  // Sums of products in any order: no farther apart than the roundings of the whole, by the largest entry.
  for (const auto& [name, want] : slow.outputs)
    EXPECT_TRUE(within_relative(fast.output(name), want.values, gamma(8.0 * (c.steps + 8.0), DType::F32))) << name;
}

INSTANTIATE_TEST_SUITE_P(Ops, GradientCase, ::testing::ValuesIn(case_numbers(is_differentiated)),
                         [](const auto& i) { return case_name(i.param); });

TEST(Gradients, EveryOpHasOneOrIsListed) {
  for (const OpDef* op : all_ops()) {
    if (op->numeric_class == NumericClass::Source) continue;
    const bool there = op->gradient != nullptr || op->decompose != nullptr;
    EXPECT_TRUE(there || kNotDifferentiated.contains(op)) << op->name;
    if (op->gradient != nullptr) {
      EXPECT_FALSE(kNotDifferentiated.contains(op)) << op->name;
    }
  }
}

}  // namespace newbie::test
