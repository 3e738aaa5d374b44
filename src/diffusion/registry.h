// Every sampler by name.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "diffusion/sampler.h"

namespace newbie {

std::span<const Sampler* const> samplers();  // the order of help texts
std::string sampler_names();                 // "res_multistep, euler, …"

// By name or alias. Error{InvalidRequest} with the list of names in the hint.
const Sampler& find_sampler(std::string_view name);

}  // namespace newbie
