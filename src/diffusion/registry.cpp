#include "diffusion/registry.h"

#include <array>
#include <utility>

#include "core/error.h"
#include "diffusion/samplers/all.h"

namespace newbie {
namespace {

constexpr std::array<const Sampler*, 8> kSamplers{
    &res_multistep_sampler, &unipc_sampler, &euler_sampler,    &midpoint_sampler,
    &heun_sampler,          &rk4_sampler,   &dpmpp_2m_sampler, &euler_a_sampler,
};

}  // namespace

std::span<const Sampler* const> samplers() { return kSamplers; }

const Sampler& tolerant_sampler() { return adaptive_sampler; }

std::string sampler_names() {
  std::string out;
  for (const Sampler* s : kSamplers) out += (out.empty() ? "" : ", ") + std::string(s->name);
  return out;
}

std::string_view our_sampler_name(std::string_view theirs) {
  // In small letters, "_" for what stands between words, without the "k_" and "sample_" of k-diffusion.
  std::string plain;
  for (const char c : theirs)
    plain += c == ' ' || c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view prefix : {"sample_", "k_"})
    if (plain.starts_with(prefix)) plain.erase(0, prefix.size());
  constexpr std::pair<std::string_view, std::string_view> kOthers[] = {{"dpm++_2m", "dpmpp_2m"},
                                                                       {"dpm2m++", "dpmpp_2m"},
                                                                       {"euler_ancestral_discrete", "euler_a"},
                                                                       {"unipcmultistepscheduler", "unipc"},
                                                                       {"heun2", "heun"},
                                                                       {"flow_match_euler", "euler"},
                                                                       {"flowmatcheulerdiscretescheduler", "euler"}};
  for (const auto& [other, ours] : kOthers)
    if (plain == other) return ours;
  for (const Sampler* s : kSamplers)
    if (plain == s->name || (!s->alias.empty() && plain == s->alias)) return s->name;
  return {};
}

const Sampler& find_sampler(std::string_view name) {
  for (const Sampler* s : kSamplers)
    if (s->name == name || (!s->alias.empty() && s->alias == name)) return *s;
  const std::string_view ours = our_sampler_name(name);
  fail_field("sampler", ours.empty() ? "samplers: " + sampler_names() : fmt::format("here it is {}", ours),
             "unknown sampler '{}'", name);
}

}  // namespace newbie
