// Every sampler by name.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "diffusion/sampler.h"

namespace newbie {

std::span<const Sampler* const> samplers();  // the order of help texts
std::string sampler_names();                 // "res_multistep, euler, …"

// What walks with SamplerOptions::tolerance, and the levels of its grid: the shortest step is from one to the next.
const Sampler& tolerant_sampler();
inline constexpr int kAdaptiveLevels = 48;

// By name or alias. Error{InvalidRequest} with the list of names in the hint.
const Sampler& find_sampler(std::string_view name);

// Our name for what A1111, ComfyUI or diffusers call a sampler ("Euler a", "k_euler", "DPM++ 2M"): its own name, too.
// Empty: it is none of ours.
std::string_view our_sampler_name(std::string_view theirs);

}  // namespace newbie
