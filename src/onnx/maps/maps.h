// How ops are written in ONNX. A mapping reads its operands in the dtypes in which the op reads them, and gives its
// result in any; the translation (onnx/translate.cpp) casts it to what the node stores.
#pragma once

#include <span>

#include "graph/graph.h"
#include "onnx/emitter.h"

namespace newbie {

using OnnxMapping = OnnxResult (*)(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);

// maps/products.cpp
OnnxResult map_linear(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_batched_matmul(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_attention_softmax(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
// maps/pictures.cpp
OnnxResult map_conv2d(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_group_norm(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_upsample_nearest(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
// maps/norms.cpp
OnnxResult map_rms_norm(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_layer_norm(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_mean_rows(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
// maps/pointwise.cpp
OnnxResult map_cast(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_silu(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_gelu_tanh(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_gelu_erf(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_tanh(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_add_scalar(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_mul_scalar(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_add(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_mul(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
// maps/positions.cpp
OnnxResult map_rope(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_embedding(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_timestep_embedding(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
// maps/movement.cpp
OnnxResult map_reshape(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_permute(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_slice_rows(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_slice_columns(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_concat_rows(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);
OnnxResult map_concat_columns(Emitter& e, const Node& node, std::span<OnnxOperand* const> in);

}  // namespace newbie
