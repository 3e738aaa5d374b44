#include "diffusion/registry.h"

#include <array>

#include "core/error.h"
#include "diffusion/samplers/all.h"

namespace newbie {
namespace {

constexpr std::array<const Sampler*, 7> kSamplers{
    &res_multistep_sampler, &euler_sampler,    &midpoint_sampler, &heun_sampler,
    &rk4_sampler,           &dpmpp_2m_sampler, &euler_a_sampler,
};

}  // namespace

std::span<const Sampler* const> samplers() { return kSamplers; }

std::string sampler_names() {
  std::string out;
  for (const Sampler* s : kSamplers) out += (out.empty() ? "" : ", ") + std::string(s->name);
  return out;
}

const Sampler& find_sampler(std::string_view name) {
  for (const Sampler* s : kSamplers)
    if (s->name == name || (!s->alias.empty() && s->alias == name)) return *s;
  fail_field("sampler", "samplers: " + sampler_names(), "unknown sampler '{}'", name);
}

}  // namespace newbie
