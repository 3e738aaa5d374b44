// Noise levels for a run: falling sigmas, sigma = 1 - t, 1 = noise and 0 = data. Formulas: spec/sampling.md §2.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct ScheduleOptions {
  double shift = 6;  // in (0, 100]; `linear_quadratic` has no shift and ignores it
};

constexpr int kMaxSteps = 10000;

struct Schedule {
  std::string_view name;
  std::string_view summary;
  int min_steps;
  std::vector<double> (*sigmas)(int steps, double shift);
  bool has_shift = true;
  int max_steps = kMaxSteps;
};

// Every schedule, the order of help texts.
std::span<const Schedule> schedules();
const Schedule& find_schedule(std::string_view name);  // Error{InvalidRequest} with the names in the hint
std::string schedule_names();                          // "official, flow_euler, …"

// The sigmas of `name`, strictly falling, end point included: usually steps + 1 of them (steps intervals). `official`
// counts grid points, so it gives `steps` of them; `beta` may give fewer, because it drops equal neighbours.
// Where the reference computes in float32 the values are float32, rounded at the same places.
// Error{InvalidRequest}: an unknown name, steps or shift out of range, or so many steps that two sigmas are equal.
std::vector<double> make_sigmas(std::string_view name, int steps, ScheduleOptions options = {});

// Refuses sigmas that no sampler can walk, written by hand or made: at least 2 and at most kMaxSteps + 1 of them, in
// [0, 1], strictly falling. `where` opens the message. The last may be above 0: some noise is then left.
void check_sigmas(std::span<const double> sigmas, std::string_view where);

}  // namespace newbie
