#include "diffusion/schedules.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "diffusion/incomplete_beta.h"

namespace newbie {
namespace {

// torch.linspace in float32: the first half counted from the start, the rest from the end, one rounding each.
std::vector<float> linspace(double start, double end, int count) {
  const float first = static_cast<float>(start), last = static_cast<float>(end);
  if (count == 1) return {first};
  const float step = (last - first) / static_cast<float>(count - 1);
  std::vector<float> out(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i)
    out[static_cast<size_t>(i)] = i < count / 2 ? std::fma(step, static_cast<float>(i), first)
                                                : std::fma(-step, static_cast<float>(count - 1 - i), last);
  return out;
}

// The static shift in sigma, rounded after every operation as float32 tensors are. For some shifts the rounded
// quotient at u = 1 comes out just above 1, which is no noise level.
float shifted(float u, double shift) {
  const float sigma = static_cast<float>(shift) * u / (1.0f + static_cast<float>(shift - 1) * u);
  return std::min(sigma, 1.0f);
}

// Entry k of ComfyUI's table of 1000 sigmas, rising with k.
constexpr int kTableSize = 1000;
float table_sigma(int k, double shift) { return shifted(static_cast<float>(k + 1) / 1000.0f, shift); }

// Shifts every u and closes the grid with 0.
std::vector<double> shift_all(std::span<const float> us, double shift) {
  std::vector<double> out;
  out.reserve(us.size() + 1);
  for (const float u : us) out.push_back(shifted(u, shift));
  out.push_back(0);
  return out;
}

std::vector<double> official(int steps, double shift) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(steps));
  const float s = static_cast<float>(shift);
  // 1 - t is exact in double, so the network gets back the very t of the reference.
  for (const float u : linspace(0, 1, steps)) out.push_back(1 - static_cast<double>(u / (u + s - s * u)));
  out.back() = 0;  // t = 1 by definition; for some shifts the rounded quotient misses it by an ulp or two
  return out;
}

std::vector<double> flow_euler(int steps, double shift) { return shift_all(linspace(1, 1.0 / steps, steps), shift); }

std::vector<double> flow_euler_double(int steps, double shift) {
  // The scheduler's own grid: numpy doubles between ends that are already shifted, shifted again, then rounded.
  const double top = table_sigma(kTableSize - 1, shift), bottom = table_sigma(0, shift);
  std::vector<double> out;
  out.reserve(static_cast<size_t>(steps) + 1);
  for (int i = 0; i < steps; ++i) {
    const double u = steps == 1 ? top : top + (bottom - top) * i / (steps - 1);
    out.push_back(std::min(1.0f, static_cast<float>(shift * u / (1 + (shift - 1) * u))));
  }
  out.push_back(0);
  return out;
}

std::vector<double> dpm(int steps, double shift) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(steps) + 1);
  for (int i = steps; i >= 0; --i) {
    const double beta = 1 + (0.001 - 1) * i / steps;
    out.push_back(shift * (1 - beta) / (1 + (shift - 1) * (1 - beta)));
  }
  return out;
}

std::vector<double> simple(int steps, double shift) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(steps) + 1);
  for (int i = 0; i < steps; ++i)
    out.push_back(table_sigma(kTableSize - 1 - static_cast<int>(i * 1000.0 / steps), shift));
  out.push_back(0);
  return out;
}

// normal and sgm_uniform use the smallest sigma as if it were unshifted, so their lower end is shifted twice.
std::vector<double> normal(int steps, double shift) {
  return shift_all(linspace(1, table_sigma(0, shift), steps), shift);
}

std::vector<double> sgm_uniform(int steps, double shift) {
  std::vector<float> us = linspace(1, table_sigma(0, shift), steps + 1);
  us.pop_back();
  return shift_all(us, shift);
}

std::vector<double> beta(int steps, double shift) {
  std::vector<double> out;
  int last = -1;
  for (int i = 0; i < steps; ++i) {
    // i · (1/steps), not i/steps: numpy.linspace multiplies, and a tie may hang on the last bit.
    const double q = inverse_incomplete_beta(1 - i * (1.0 / steps), 0.6, 0.6);
    const int k = static_cast<int>(std::nearbyint(q * (kTableSize - 1)));  // ties to even
    if (k != last) out.push_back(table_sigma(k, shift));
    last = k;
  }
  out.push_back(0);
  return out;
}

// u^1.25 instead of u, before the shift: the steps shrink towards the data, where a last step of first order ends. Its
// error is what the denoised estimate still changes below the last sigma. A higher power takes that from the first
// steps, which decide what some pictures become (docs/speed.md).
std::vector<double> few_steps(int steps, double shift) {
  std::vector<float> us = linspace(1, 1.0 / steps, steps);
  for (float& u : us) u *= std::sqrt(std::sqrt(u));
  return shift_all(us, shift);
}

// u^1.5: fine enough everywhere for a solver that takes some at once.
std::vector<double> many_steps(int steps, double shift) {
  std::vector<float> us = linspace(1, 1.0 / steps, steps);
  for (float& u : us) u *= std::sqrt(u);
  return shift_all(us, shift);
}

std::vector<double> linear_quadratic(int steps, double) {
  constexpr double kThreshold = 0.025;  // how much of the way the linear part goes
  if (steps == 1) return {1, 0};
  const int L = steps / 2;
  const double d = L - kThreshold * steps, q = steps - L;
  const double a = d / (L * q * q), b = kThreshold / L - 2 * d / (q * q), c = a * L * L;
  std::vector<double> out;
  out.reserve(static_cast<size_t>(steps) + 1);
  for (int i = 0; i < L; ++i) out.push_back(1 - i * kThreshold / L);
  for (int i = L; i < steps; ++i) out.push_back(1 - (a * i * i + b * i + c));
  out.push_back(0);
  return out;
}

constexpr std::array kSchedules{
    Schedule{"official", "the official ODE grid; steps counts points, one interval fewer", 2, official},
    Schedule{"flow_euler", "diffusers flow matching with the pipeline's sigmas", 1, flow_euler},
    Schedule{"few_steps", "flow_euler with smaller steps at the end: for 6 to 16 steps", 1, few_steps},
    Schedule{"many_steps", "the same with smaller ones yet at the end: what a tolerance walks", 1, many_steps},
    Schedule{"flow_euler_double", "the same scheduler with its own sigmas, shifted twice", 1, flow_euler_double},
    Schedule{"dpm", "the official grid of DPM-Solver++, starts just below 1", 1, dpm},
    Schedule{"simple", "ComfyUI: every so many of a table of 1000", 1, simple, true, kTableSize},
    Schedule{"normal", "ComfyUI: even in time, down to the smallest sigma", 1, normal},
    Schedule{"sgm_uniform", "ComfyUI: even in time, without the smallest sigma", 1, sgm_uniform},
    Schedule{"beta", "ComfyUI: dense at both ends, Beta(0.6, 0.6)", 1, beta},
    Schedule{"linear_quadratic", "ComfyUI: slow linear start, then quadratic; ignores the shift", 1, linear_quadratic,
             false},
};

}  // namespace

std::span<const Schedule> schedules() { return kSchedules; }

std::string schedule_names() {
  std::string out;
  for (const Schedule& s : kSchedules) out += (out.empty() ? "" : ", ") + std::string(s.name);
  return out;
}

const Schedule& find_schedule(std::string_view name) {
  const auto found = std::ranges::find(kSchedules, name, &Schedule::name);
  if (found == kSchedules.end())
    fail_field("schedule", "schedules: " + schedule_names(), "unknown schedule '{}'", name);
  return *found;
}

std::vector<double> make_sigmas(std::string_view name, int steps, ScheduleOptions options) {
  const Schedule& found = find_schedule(name);
  if (!(options.shift > 0 && options.shift <= 100))
    fail_field("shift", "", "expected above 0 to 100, got {}", options.shift);
  if (steps < found.min_steps || steps > found.max_steps)
    fail_field("steps", "", "expected {} to {} with schedule {}, got {}", found.min_steps, found.max_steps, name,
               steps);
  std::vector<double> sigmas = found.sigmas(steps, options.shift);
  try {
    check_sigmas(sigmas, fmt::format("schedule {} with {} steps and shift {}", name, steps, options.shift));
  } catch (const Error& error) {
    throw Error(error.kind(), error.message(), error.hint(), "steps");
  }
  return sigmas;
}

void check_sigmas(std::span<const double> sigmas, std::string_view where) {
  constexpr size_t kMost = kMaxSteps + 1;
  if (sigmas.size() < 2 || sigmas.size() > kMost)
    fail_with_hint(ErrorKind::InvalidRequest, "the end point counts: one interval is two sigmas, as in 1, 0",
                   "{}: {} sigmas, expected 2 to {}", where, sigmas.size(), kMost);
  for (size_t i = 0; i < sigmas.size(); ++i) {
    if (!(sigmas[i] >= 0 && sigmas[i] <= 1))
      fail(ErrorKind::InvalidRequest, "{}: sigma {} is {}, expected 0 to 1", where, i, sigmas[i]);
    if (i > 0 && !(sigmas[i] < sigmas[i - 1]))
      fail_with_hint(ErrorKind::InvalidRequest, "sigmas must fall; fewer steps keep neighbours apart",
                     "{}: sigma {} is {:.9g}, not below the {:.9g} before it", where, i, sigmas[i], sigmas[i - 1]);
  }
}

}  // namespace newbie
