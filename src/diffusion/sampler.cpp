#include "diffusion/sampler.h"

#include <vector>

#include "core/checked.h"
#include "diffusion/schedules.h"

namespace newbie {

void SampleRun::report(int index, std::span<const float> latent, std::span<const float> denoised) const {
  if (on_step)
    on_step({.index = index,
             .intervals = intervals(),
             .sigma = sigmas[static_cast<size_t>(index) + 1],
             .latent = latent,
             .denoised = denoised});
}

void sample(const Sampler& sampler, const SampleRun& run, std::span<float> x) {
  std::vector<float> workspace(checked_mul(x.size(), static_cast<size_t>(sampler.state_vectors)));
  sample(sampler, run, x, workspace);
}

void sample(const Sampler& sampler, const SampleRun& run, std::span<float> x, std::span<float> workspace) {
  check_sigmas(run.sigmas, sampler.name);
  if (x.empty()) fail(ErrorKind::InvalidRequest, "{}: the latent is empty", sampler.name);
  if (workspace.size() < checked_mul(x.size(), static_cast<size_t>(sampler.state_vectors)))
    fail(ErrorKind::Internal, "{}: workspace of {} values for {} vectors of {}", sampler.name, workspace.size(),
         sampler.state_vectors, x.size());
  sampler.run(run, x, SamplerState(workspace, x.size()));
}

}  // namespace newbie
