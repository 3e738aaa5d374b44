// Classifier-free guidance on velocities (spec/nextdit.md §9): pure functions on the vectors of one sample. For a
// batch, call them once per sample: norms and deviations never mix samples.
#pragma once

#include <span>

namespace newbie {

// Whether an evaluation at time t needs the unconditional velocity: cfg is not 1 and t is below cfg_trunc. Time grows
// from noise to data, so guidance acts on the noisy part.
bool guidance_active(double t, double cfg, double cfg_trunc);

// out = v_uncond + cfg (v_cond - v_uncond), rounded after every operation. `out` may be either input.
void combine_cfg(std::span<const float> v_cond, std::span<const float> v_uncond, double cfg, std::span<float> out);

// Leaves the unconditional pass out where the difference that guidance makes hardly changes, and holds the difference
// meanwhile (after adaptive guidance: Castillo et al., "Adaptive Guidance: Training-free Acceleration of Conditional
// Diffusion Models", 2023, which leaves guidance out for good). How fast it changes is told by its last two passes: the
// guided velocity, by the estimate, stays within `limit` of its own length. Works in one vector of the caller's.
class HeldGuidance {
 public:
  HeldGuidance(double limit, double cfg, std::span<float> difference)
      : limit_(limit), cfg_(cfg), difference_(difference) {}

  bool holds(double t, std::span<const float> v_cond) const;
  void remember(double t, std::span<const float> v_cond, std::span<const float> v_uncond);  // of both passes
  // What stands in for the unconditional velocity.
  void stand_in(std::span<const float> v_cond, std::span<float> v_uncond) const;

 private:
  double limit_, cfg_;
  std::span<float> difference_;  // v_cond - v_uncond at time_
  double time_ = 0, per_time_ = 0;
  int passes_ = 0;
};

// Scales v down to renorm · |v_cond| when it is longer (Euclidean norms); renorm 0 means off.
void renorm_cfg(std::span<const float> v_cond, double renorm, std::span<float> v);

// RescaleCFG of ComfyUI (after section 3.4 of "Common Diffusion Noise Schedules and Sample Steps are Flawed"): with
// w(v) = v + x sigma / (sigma² + 1), which is the node's prediction up to a common factor,
//   w' = multiplier · w(v) · std(w(v_cond)) / std(w(v)) + (1 - multiplier) · w(v),   v' = w' - x sigma / (sigma² + 1).
// The node takes sigma of a flow model as if noise had been added to unscaled data; pictures made with it look as they
// do because of that, so it is kept. x is the state, v the guided velocity, changed in place; multiplier in [0, 1].
void rescale_cfg(std::span<const float> x, std::span<const float> v_cond, double sigma, double multiplier,
                 std::span<float> v);

}  // namespace newbie
