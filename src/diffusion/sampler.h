// What a sampler is: a way to walk a latent along falling sigmas. Each one is a file in samplers/ and a row in
// registry.cpp. It calls Denoise and does arithmetic on float32 states; it knows no network and no prompt.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "core/stop_token.h"
#include "diffusion/denoise.h"

namespace newbie {

// Told after every interval, by adaptive after every step over some. The spans are valid during the call only.
struct SampleStep {
  int index;                        // of the interval, from 0
  int intervals;                    // how many there are
  double sigma;                     // at the end of the interval
  std::span<const float> latent;    // the state there
  std::span<const float> denoised;  // the estimate of the clean latent made at the start of the interval
};

struct SamplerOptions {
  double eta = 1;        // euler_a: share of fresh noise, 0 (none) to 1
  uint64_t seed = 0;     // euler_a: the seed of the request; its noise comes from seed + 1
  double tolerance = 0;  // adaptive: of the distance to the converged latent
};

struct SampleRun {
  std::span<const double> sigmas;  // see check_sigmas(); a run may start anywhere, history begins empty there
  Denoise denoise;
  SamplerOptions options;
  std::function<void(const SampleStep&)> on_step;  // may be empty
  // May be empty. adaptive: at the end, its estimate of the distance to the converged latent, the root mean square of
  // the difference.
  std::function<void(double)> on_estimate = {};
  StopToken stop;  // checked before every evaluation

  int intervals() const { return static_cast<int>(sigmas.size()) - 1; }
  // One evaluation, unless asked to stop: then Error{Cancelled}.
  void velocity(std::span<const float> x, double t, std::span<float> out) const {
    stop.throw_if_stopped();
    denoise(x, t, out);
  }
  // Tells on_step about interval `index`.
  void report(int index, std::span<const float> latent, std::span<const float> denoised) const;
};

// The vectors a sampler works in, each as long as the latent; made once for a run.
class SamplerState {
 public:
  SamplerState(std::span<float> all, size_t elements) : all_(all), elements_(elements) {}
  std::span<float> operator[](size_t k) const { return all_.subspan(k * elements_, elements_); }

 private:
  std::span<float> all_;
  size_t elements_;
};

struct Sampler {
  std::string_view name;
  std::string_view alias;  // another spelling people use; may be empty
  std::string_view summary;
  std::string_view default_schedule;
  int evaluations_per_interval;
  int spare_evaluations = 0;  // adaptive: of steps that are walked again, at most
  bool fresh_noise = false;   // it draws some in every step: eta acts
  int state_vectors;          // how many vectors of the latent's length `run` works in
  void (*run)(const SampleRun&, std::span<float> x, SamplerState);

  // Calls of Denoise in a run, known in advance; of adaptive, the most.
  int64_t evaluations(int intervals) const { return int64_t{evaluations_per_interval} * intervals + spare_evaluations; }
};

// Walks x (the whole batch, float32) from sigmas.front() to sigmas.back() in place. Error{InvalidRequest} on unusable
// sigmas or options, Error{Cancelled} when asked to stop; x is then somewhere on the way.
void sample(const Sampler& sampler, const SampleRun& run, std::span<float> x);

// The same in the caller's memory: state_vectors · x.size() values at `workspace`, whose contents do not matter.
void sample(const Sampler& sampler, const SampleRun& run, std::span<float> x, std::span<float> workspace);

}  // namespace newbie
