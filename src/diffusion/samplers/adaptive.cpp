// A solver that measures itself: UniPC of third order (unipc.cpp) over as many of the given noise levels at once as a
// tolerance allows. The tolerance is of the distance to the converged latent: the root mean square of the difference,
// whose own is about 1.
//
// What a step is off by is told by what its corrector moves, as in predictor-corrector pairs of ordinary differential
// equations (Milne's device; Hairer, Norsett, Wanner, "Solving Ordinary Differential Equations I", III.1 and II.4):
// half of it, weighted by how errors grow from there to the picture. Steps whose error is above their share are walked
// again, shorter. Shares and errors add up as squares: half of the tolerance's is for the steps, in proportion to the
// levels they pass, half for the end, where the last estimate of the clean latent is taken as it is.
#include <algorithm>
#include <array>
#include <cmath>

#include "diffusion/samplers/all.h"
#include "diffusion/samplers/elementwise.h"
#include "diffusion/samplers/exponential_adams.h"

namespace newbie {
namespace {

constexpr int kMostRejected = 8;
constexpr int kFirstStep = 3, kLongestStep = 12;  // in levels of a grid of kAdaptiveLevels
constexpr double kSafety = 0.9;                   // of the next step's length
// How much of an error at sigma is left, or has become, at the end. Measured (docs/speed.md): about 1 from most places
// of most paths; near the noise, where guidance decides what becomes of a picture, up to 11.
double growth(double sigma) { return 1 / (1.25 - sigma); }
// The correction is that of a predictor one order lower, and so are errors made near the noise, where it is a fourth.
constexpr double kOfCorrection = 0.5, kOfCorrectionFromNoise = 0.25;
// Errors are held and told as so many times what they are expected to be, so that nine pictures of ten are nearer.
constexpr double kMargin = 1.6;
// What the estimate of the clean latent still changes below sigma: this share of what it would by its slope, but no
// less than that of a slope of 1. Details that small are not in the estimate yet, so its slope does not tell of them.
constexpr double kOfSlope = 0.25;

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

class Walk {
 public:
  Walk(const SampleRun& run, std::span<float> x, SamplerState state)
      : run_(run), x_(x), start_(state[0]), corrected_(state[1]) {
    for (size_t k = 0; k < nodes_.size(); ++k) nodes_[k] = {1, state[k + 2]};
  }

  void walk() {
    estimate(level(0));
    int at = 0, length = kFirstStep;
    while (!may_end(at)) {
      const int left = run_.intervals() - at;
      // Where the end is not near enough, half the way to it.
      if (length >= left) length = left / 2;
      std::ranges::copy(x_, start_.begin());
      const double correction_here = correction_;
      const double error = step(level(at), level(at + length));
      const double share = tolerance() * std::sqrt(0.5 * length / run_.intervals());
      const double fits = error > 0 ? length * kSafety * std::sqrt(share / error) : kLongestStep;
      if (error > share && length > 1 && rejected_ < kMostRejected) {
        ++rejected_;
        std::ranges::copy(start_, x_.begin());
        std::ranges::rotate(nodes_, nodes_.begin() + 1);  // the estimate there is forgotten
        --known_;
        correction_ = correction_here;
        length = std::clamp(static_cast<int>(fits), 1, length - 1);
        continue;
      }
      std::ranges::copy(corrected_, x_.begin());
      squares_ += error * error;
      at += length;
      run_.report(at - 1, x_, nodes_[1].denoised);
      length = static_cast<int>(std::clamp(fits, 1.0, static_cast<double>(std::min(2 * length, kLongestStep))));
    }
    finish(at);
  }

 private:
  double level(int k) const { return run_.sigmas[static_cast<size_t>(k)]; }
  double tolerance() const { return run_.options.tolerance / kMargin; }

  // The denoised estimate of x becomes the newest node.
  void estimate(double sigma) {
    std::ranges::rotate(nodes_, nodes_.end() - 1);
    nodes_[0].sigma = sigma;
    run_.velocity(x_, 1 - sigma, nodes_[0].denoised);
    add_scaled(x_, sigma, nodes_[0].denoised, nodes_[0].denoised);
    known_ = std::min(known_ + 1, nodes_.size());
  }

  // Those that a polynomial over lambda may use: none at pure noise but the only one.
  std::span<const AdamsNode> usable(size_t most) const {
    size_t count = std::min(known_, most);
    while (count > 1 && nodes_[count - 1].sigma == 1) --count;
    return std::span(nodes_).first(count);
  }

  // From `start_`: x is predicted, its estimate made, and the corrected state left beside it. The step's error.
  double step(double from, double to) {
    adams_step(usable(2), from, to, start_, x_);
    estimate(to);
    if (from == 1)
      adams_step_from_noise(nodes_[1], nodes_[0], start_, corrected_);
    else
      adams_step(usable(3), from, to, start_, corrected_);
    correction_ = distance(x_, corrected_);
    return growth(to) * (from == 1 ? kOfCorrectionFromNoise : kOfCorrection) * correction_;
  }

  // What the last estimate is off by: it will still change, and it was made of a state that was corrected after.
  double end_error() const {
    const AdamsNode &last = nodes_[0], &before = nodes_[1];
    const double slope = distance(last.denoised, before.denoised) / (before.sigma - last.sigma);
    return std::hypot(kOfSlope * last.sigma * std::max(slope, 1.0), correction_);
  }

  bool may_end(int at) const {
    const int left = run_.intervals() - at;
    if (left <= 1) return true;
    return at > 0 && left <= kLongestStep && end_error() <= tolerance() * std::sqrt(0.5);
  }

  void finish(int at) {
    const double from = level(at), to = level(run_.intervals());
    adams_step(std::span(nodes_).first(1), from, to, x_, x_);
    run_.report(run_.intervals() - 1, x_, nodes_[0].denoised);

    // Of one interval nothing is known.
    if (run_.on_estimate && at > 0) run_.on_estimate(kMargin * std::hypot(std::sqrt(squares_), end_error()));
  }

  const SampleRun& run_;
  std::span<float> x_, start_, corrected_;
  std::array<AdamsNode, 4>
      nodes_;  // the newest first; one more than a step uses, for that of a step which is walked again
  size_t known_ = 0;
  int rejected_ = 0;
  double squares_ = 0, correction_ = 0;
};

void run_adaptive(const SampleRun& run, std::span<float> x, SamplerState state) { Walk(run, x, state).walk(); }

}  // namespace

const Sampler adaptive_sampler{.name = "adaptive",
                               .alias = {},
                               .summary = "unipc over as many levels at once as a tolerance allows",
                               .default_schedule = "many_steps",
                               .evaluations_per_interval = 1,
                               .spare_evaluations = kMostRejected,
                               .state_vectors = 6,
                               .run = run_adaptive};

}  // namespace newbie
