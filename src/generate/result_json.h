// What a run took, for a program to read: what apps print and the C interface gives.
#pragma once

#include "core/json.h"
#include "generate/text_to_image.h"

namespace newbie {

// {seconds, evaluations, shortened_evaluations, precision, guard, threads, memory, device, plan}: memory planned and
// measured, the process's peak so far. "device" where there is one.
OrderedJson result_json(const TextToImage& engine, const GenerateResult& result);

}  // namespace newbie
