// The samplers, one file each; registry.cpp lists them.
#pragma once

#include "diffusion/sampler.h"

namespace newbie {

extern const Sampler res_multistep_sampler;
extern const Sampler unipc_sampler;
extern const Sampler euler_sampler;
extern const Sampler midpoint_sampler;
extern const Sampler heun_sampler;
extern const Sampler rk4_sampler;
extern const Sampler dpmpp_2m_sampler;
extern const Sampler euler_a_sampler;
extern const Sampler adaptive_sampler;  // of runs with a tolerance; no name of the registry

}  // namespace newbie
