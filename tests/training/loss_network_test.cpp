// What training holds of the base, and what it drops, without a run around it.
#include "train/loss_network.h"

#include <gtest/gtest.h>

#include <numeric>

#include "compile/devices.h"
#include "core/random.h"
#include "graph/ops/sources.h"
#include "support/golden.h"
#include "train/adapters.h"

namespace newbie::test {
namespace {

// An adapter of the embedded model whose B is not 0, and one sample.
class LossNetworks : public ::testing::Test {
 protected:
  static constexpr SampleShape kShape{.caption_tokens = 6, .height = 8, .width = 12};

  LossNetworks() : base_(open_transformer(avatar_path() / "transformer", silent_log())) {
    options_.rank = 4;
    const NextDitConfig& c = base_.sizes;
    TorchGenerator normal(7);
    for (auto [values, count] : {std::pair{&caption_, kShape.caption_tokens * c.caption_width},
                                 {&pooled_, c.pooled_width},
                                 {&noisy_, c.latent_channels * kShape.height * kShape.width},
                                 {&target_, c.latent_channels * kShape.height * kShape.width}}) {
      values->resize(static_cast<size_t>(count));
      normal.normal(*values);
    }
  }

  LossInput input() const {
    return {.shape = kShape,
            .caption = caption_,
            .pooled = pooled_,
            .noisy = noisy_,
            .target = target_,
            .time = 0.4f,
            .dropout_key = 3};
  }

  std::vector<AdaptedModule> modules() const {
    return plan_adapters(next_dit(base_.sizes, 1, base_.sizes.patch, base_.sizes.patch), options_).modules;
  }

  Parameters parameters() const {
    Parameters out = initial_parameters(modules(), base_.weights, 1);
    TorchGenerator normal(8);
    for (Parameter& p : out.all()) {
      normal.normal(p.values);
      for (float& x : p.values) x *= 0.05f;
    }
    return out;
  }

  static PrecisionPolicy policy(PrecisionPreset preset) { return resolve_precision(preset, this_cpu()).policy; }

  Transformer base_;
  AdapterOptions options_;
  std::vector<float> caption_, pooled_, noisy_, target_;
};

}  // namespace

// The same bytes wherever the base is, and all that is held is what the plan says.
TEST_F(LossNetworks, WhereTheBaseIsChangesNoByte) {
  ThreadPool pool(2);
  const auto backend = make_cpu_backend();
  const Parameters trained = parameters();
  for (const PrecisionPreset preset : {PrecisionPreset::F32, PrecisionPreset::BF16, PrecisionPreset::Int8}) {
    std::vector<size_t> weight_bytes;
    std::optional<double> loss;
    Tensors32 gradients;
    for (const auto base : {LossNetwork::Base::Kept, LossNetwork::Base::WayThere, LossNetwork::Base::Nowhere}) {
      SCOPED_TRACE(fmt::format("{} {}", policy(preset).name, static_cast<int>(base)));
      Allocator allocator;
      TrainingRuntime runtime{pool, allocator, *backend, policy(preset)};
      LossNetwork network(runtime, base_, trained, modules(), {.base = base});
      const LossNetwork::Memory plan = network.plan(kShape);
      Tensors32 here;
      const double loss_here = network.run(input(), 1.0f, here);
      EXPECT_EQ(allocator.in_use_bytes(), plan.arena_bytes + plan.weights.kept.bytes + plan.window_bytes);
      weight_bytes.push_back(plan.weight_bytes());
      if (loss) {
        EXPECT_EQ(loss_here, *loss);
        EXPECT_EQ(here, gradients);
      }
      loss = loss_here;
      gradients = here;
    }
    EXPECT_LT(weight_bytes[1], weight_bytes[0]);
    EXPECT_LT(weight_bytes[2], weight_bytes[1]);
  }
}

// Dropout is of training alone: a loss without a way back, as validation takes it, sees all of what the adapter does.
TEST_F(LossNetworks, AdaptersDropOnTheWayThereAndBackAlone) {
  ThreadPool pool(1);
  const auto backend = make_cpu_backend();
  Allocator allocator;
  TrainingRuntime runtime{pool, allocator, *backend, policy(PrecisionPreset::F32)};
  const Parameters trained = parameters();
  LossNetwork without(runtime, base_, trained, modules());
  options_.dropout = 0.5;
  LossNetwork with(runtime, base_, trained, modules());

  Tensors32 gradients;
  const double whole = without.run(input(), 1.0f, gradients);
  EXPECT_NE(with.run(input(), 1.0f, gradients), whole);
  EXPECT_EQ(with.loss(input()), without.loss(input()));
  EXPECT_NEAR(without.loss(input()), whole, 1e-5 * whole);  // the same arithmetic, perhaps of other kernels

  std::vector<Parameter> nothing(trained.all().begin(), trained.all().end());
  for (Parameter& p : nothing) std::fill(p.values.begin(), p.values.end(), 0.0f);
  const Parameters zeros(std::move(nothing));
  LossNetwork base(runtime, base_, zeros, modules());
  EXPECT_NE(base.loss(input()), without.loss(input()));  // there is something to drop
}

}  // namespace newbie::test
