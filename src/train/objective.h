// What a network is trained to do: rectified flow with shifted times (spec/training.md §1). t is 0 at noise and 1 at
// data.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace newbie {

enum class TimeDensity { LogNormal, Uniform };  // t = σ(u), u ~ N(0, 1); t ~ U[0, 1)

struct TimeOptions {
  TimeDensity density = TimeDensity::LogNormal;
  bool shift = true;
  bool shift_by_bucket = false;  // mu of the picture's own size instead of the configured one
  bool operator==(const TimeOptions&) const = default;
};

// 0.5 + (tokens − 256) · 0.65 / 3840, for tokens of 16 pixels a side.
double shift_mu(int64_t tokens);

// The shift is on σ = 1 − t, towards noise: σ' = e^mu / (e^mu + 1/σ − 1), t' = 1 − σ'.
double shifted_time(double t, double mu);

// `number` names the sample among all that the run draws; `tokens` those of shift_mu.
double draw_time(const TimeOptions& options, uint64_t seed, uint64_t number, int64_t tokens);

// x_t = t x₁ + (1 − t) x₀ and the velocity x₁ − x₀ that the network should tell there.
struct FlowSample {
  float time = 0;
  std::vector<float> noisy, target;
};
FlowSample flow_sample(std::span<const float> data, std::span<const float> noise, double time);

}  // namespace newbie
