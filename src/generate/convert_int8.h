// The transformer's weights as `--dtype int8` makes them of a file while it loads, to be written instead: a row's
// numbers and its scale, in ComfyUI's words (int8_tensorwise).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "generate/parts.h"
#include "weights/safetensors_writer.h"

namespace newbie {

// Names of the weights that linear layers multiply as int8 under that preset.
std::set<std::string> int8_weights(const Transformer& part);

// `weight` (a matrix of `store`) as three tensors: I8 [rows, columns], `weight_scale` F32 [rows, 1] and `comfy_quant`.
// Rounded to bf16 first, as the kernels have it. The store must outlive them.
std::vector<StreamedTensor> int8_tensors(const WeightStore& store, const std::string& weight);

}  // namespace newbie
