// Four runs of PyTorch's GradScaler, replayed from their scaled gradients: equal scales, trackers and skipped steps,
// weights to 3e-7 (tests/data/training/grad_scaler_trace.json: PyTorch 2.13, float16 that really overflows).
#include <gmock/gmock.h>

#include <cmath>

#include "core/files.h"
#include "core/json.h"
#include "train/learner.h"

namespace newbie::test {
namespace {

const Json& trace() {
  static const Json json =
      parse_json(read_file(NEWBIE_SOURCE_DIR "/tests/data/training/grad_scaler_trace.json", size_t{1} << 20), "trace");
  return json;
}

float number(const Json& json) {
  if (!json.is_string()) return json.get<float>();
  const std::string word = json.get<std::string>();
  return word == "nan" ? NAN : word == "inf" ? INFINITY : -INFINITY;
}

std::vector<float> numbers(const Json& json) {
  std::vector<float> out;
  for (const Json& x : json) out.push_back(number(x));
  return out;
}

GradScalerOptions options_of(const Json& row) {
  return {.growth = row["growth_factor"].get<double>(),
          .backoff = row["backoff_factor"].get<double>(),
          .growth_interval = row["growth_interval"].get<int64_t>()};
}

Parameters parameters_of(const Json& by_name) {
  std::vector<Parameter> out;
  for (const auto& [name, values] : by_name.items())
    out.push_back({name, {static_cast<int64_t>(values.size())}, numbers(values)});
  return Parameters(std::move(out));
}

Tensors32 in_order(const Parameters& parameters, const Json& by_name) {
  Tensors32 out;
  for (const Parameter& p : parameters.all()) out.push_back(numbers(by_name[p.name]));
  return out;
}

void expect_weights(const Parameters& parameters, const Json& want, int64_t step) {
  for (const Parameter& p : parameters.all()) {
    const std::vector<float> w = numbers(want[p.name]);
    for (size_t i = 0; i < w.size(); ++i)
      EXPECT_NEAR(static_cast<double>(p.values[i]), static_cast<double>(w[i]), 3e-7) << p.name << ", step " << step;
  }
}

}  // namespace

TEST(GradScalerTrace, AdamWStepsAreSkippedAndTakenAsInPyTorch) {
  const Json& run = trace()["runs"]["adamw"];
  Learner learner({.lr = run["lr"].get<double>(),
                   .schedule = {.kind = LrScheduleKind::Cosine, .warmup = 3, .total = 40},
                   .clip = 1.0,
                   .scaled = true,
                   .start = {run["init_scale"].get<float>(), 0},
                   .scaler = options_of(run)},
                  parameters_of(run["start"]));
  for (const Json& step : run["steps"]) {
    const auto number_of_step = step["step"].get<int64_t>();
    EXPECT_EQ(learner.scaler().scale, step["scale"].get<float>()) << number_of_step;
    const StepOutcome report = learner.step(in_order(learner.parameters(), step["scaled_grads"]));
    EXPECT_EQ(report.taken, !step["skipped"].get<bool>()) << number_of_step;
    EXPECT_NEAR(report.lr, step["lr"].get<double>(), 1e-12) << number_of_step;
    if (report.taken)
      EXPECT_NEAR(report.norm, step["grad_norm"].get<double>(), 1e-5 * report.norm) << number_of_step;
    else
      EXPECT_FALSE(report.bad_name.empty());
    EXPECT_EQ(learner.scaler().scale, step["scale_after"].get<float>()) << number_of_step;
    EXPECT_EQ(learner.scaler().good_steps, step["growth_tracker"].get<int64_t>()) << number_of_step;
    expect_weights(learner.parameters(), step["weights"], number_of_step);
  }
}

// SGD, micro-batches and uneven factors: the scaler alone, and w ← w − lr g.
TEST(GradScalerTrace, OtherRunsHaveTheSameScalesAndWeights) {
  for (const char* name : {"sgd", "accumulate", "uneven"}) {
    const Json& run = trace()["runs"][name];
    const GradScalerOptions options = options_of(run);
    GradScaler scaler{run["init_scale"].get<float>(), 0};
    Parameters parameters = parameters_of(run["start"]);
    for (const Json& step : run["steps"]) {
      SCOPED_TRACE(fmt::format("{} step {}", name, step["step"].get<int64_t>()));
      ASSERT_EQ(scaler.scale, step["scale"].get<float>());
      Tensors32 gradients = in_order(parameters, step["scaled_grads"]);
      bool finite = true;
      for (auto& g : gradients) finite = unscale(g, inverse_scale(scaler)) && finite;
      ASSERT_EQ(finite, !step["found_inf"].get<bool>());
      if (finite)
        for (size_t t = 0; t < gradients.size(); ++t)
          for (size_t i = 0; i < gradients[t].size(); ++i)
            parameters.all()[t].values[i] -= run["lr"].get<float>() * gradients[t][i];
      scaler = after_step(scaler, finite, options);
      EXPECT_EQ(scaler.scale, step["scale_after"].get<float>());
      EXPECT_EQ(scaler.good_steps, step["growth_tracker"].get<int64_t>());
      expect_weights(parameters, step["weights"], step["step"].get<int64_t>());
    }
  }
}

TEST(GradScalerTrace, EdgesOfTheRules) {
  for (const Json& row : trace()["update_scale"]) {
    const bool finite = row["found_inf"].get<int>() == 0;
    const GradScaler after = after_step({number(row["scale"]), row["tracker"].get<int64_t>()}, finite, options_of(row));
    EXPECT_EQ(after.scale, number(row["scale_after"])) << row.dump();
    EXPECT_EQ(after.good_steps, row["tracker_after"].get<int64_t>()) << row.dump();
  }
  for (const Json& row : trace()["unscale"]) {
    std::vector<float> g = numbers(row["scaled"]);
    EXPECT_EQ(unscale(g, inverse_scale({number(row["scale"]), 0})), !row["found_inf"].get<bool>()) << row.dump();
    const std::vector<float> want = numbers(row["unscaled"]);
    for (size_t i = 0; i < g.size(); ++i)
      EXPECT_TRUE(g[i] == want[i] || (std::isnan(g[i]) && std::isnan(want[i]))) << row.dump();
  }
}

// Case 26: without a floor the scale becomes 0 and stays; with one it stops there.
TEST(GradScaler, AFloorHolds) {
  GradScaler plain{1.0f, 0}, held{1.0f, 0};
  for (int i = 0; i < 200; ++i) {
    plain = after_step(plain, false, {});
    held = after_step(held, false, {.floor = 0x1p-10});
  }
  EXPECT_EQ(plain.scale, 0.0f);
  EXPECT_EQ(held.scale, 0x1p-10f);
}

}  // namespace newbie::test
