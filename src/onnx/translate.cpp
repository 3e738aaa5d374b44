#include "onnx/translate.h"

#include "graph/ops/all.h"
#include "onnx/maps/maps.h"

namespace newbie {

namespace {

struct MappedOp {
  const OpDef* op;
  OnnxMapping map;
};

// Order does not matter: an op has one mapping or none.
constexpr MappedOp kMappings[] = {
    {&cast_op, map_cast},
    {&linear_op, map_linear},
    {&batched_matmul_op, map_batched_matmul},
    {&attention_softmax_op, map_attention_softmax},
    {&conv2d_op, map_conv2d},
    {&rms_norm_op, map_rms_norm},
    {&layer_norm_op, map_layer_norm},
    {&group_norm_op, map_group_norm},
    {&mean_rows_op, map_mean_rows},
    {&silu_op, map_silu},
    {&gelu_tanh_op, map_gelu_tanh},
    {&gelu_erf_op, map_gelu_erf},
    {&tanh_op, map_tanh},
    {&add_scalar_op, map_add_scalar},
    {&mul_scalar_op, map_mul_scalar},
    {&add_op, map_add},
    {&mul_op, map_mul},
    {&rope_op, map_rope},
    {&embedding_op, map_embedding},
    {&timestep_embedding_op, map_timestep_embedding},
    {&reshape_op, map_reshape},
    {&permute_op, map_permute},
    {&slice_rows_op, map_slice_rows},
    {&slice_columns_op, map_slice_columns},
    {&concat_rows_op, map_concat_rows},
    {&concat_columns_op, map_concat_columns},
    {&upsample_nearest_op, map_upsample_nearest},
};

OnnxMapping find_mapping(const OpDef& op) {
  for (const MappedOp& row : kMappings)
    if (row.op == &op) return row.map;
  return nullptr;
}

class Translation {
 public:
  explicit Translation(OnnxModel& model) : e_(model) {}

  void run(const Graph& graph) {
    for (const Graph::Output& output : graph.outputs()) e_.reserve(output.name);
    std::vector<OnnxOperand*> values;
    for (int id = 0; id < graph.size(); ++id) {
      const Node& node = graph.node(id);
      values.push_back(&(is_source(node) ? source(node) : operation(node, path_of(graph, id), values)));
    }
    for (const Graph::Output& output : graph.outputs()) e_.output(output.name, *values[static_cast<size_t>(output.id)]);
  }

 private:
  static std::string path_of(const Graph& graph, int id) {
    const Node& node = graph.node(id);
    return node.paths.empty() ? std::string(node.op->name) + '.' + std::to_string(id) : node.paths.front();
  }

  OnnxOperand& source(const Node& node) {
    if (node.op == &input_op) return e_.input(node.paths.front(), node.spec());
    if (node.op == &weight_op) return e_.weight(node.paths.front(), node.spec());
    return e_.constant(node.shape, node.constant->values());
  }

  OnnxOperand& operation(const Node& node, const std::string& path, std::span<OnnxOperand* const> values) {
    std::vector<OnnxOperand*> in;
    for (const int id : node.inputs) in.push_back(values[static_cast<size_t>(id)]);
    e_.enter(path);
    return e_.leave(node.shape, stored(node, write(node, path, in)));
  }

  OnnxResult write(const Node& node, const std::string& path, std::span<OnnxOperand* const> in) {
    if (const OnnxMapping map = find_mapping(*node.op)) return map(e_, node, in);
    if (node.op->decompose == nullptr)
      fail(ErrorKind::Unsupported, "{}: op {} has no form in ONNX", path, node.op->name);
    return write_parts(node, path, in);
  }

  // By its meaning. Inside an op everything is kept in the accumulate dtype, whatever its parts would be kept in.
  OnnxResult write_parts(const Node& whole, const std::string& path, std::span<OnnxOperand* const> in) {
    Graph parts;
    std::vector<Value> operands;
    for (size_t i = 0; i < in.size(); ++i) operands.push_back(parts.input(std::to_string(i), in[i]->shape));
    const Value result = whole.op->decompose(operands, whole.attrs);
    std::vector<OnnxOperand*> values(in.begin(), in.end());
    for (int id = static_cast<int>(in.size()); id < parts.size(); ++id) {
      Node& part = parts.node(id);
      if (is_source(part)) {
        values.push_back(&source(part));
        continue;
      }
      std::vector<OnnxOperand*> part_in;
      for (const int operand : part.inputs) part_in.push_back(values[static_cast<size_t>(operand)]);
      const bool moves = part.op->numeric_class == NumericClass::Movement;
      part.precision = whole.precision;
      part.precision.storage = moves ? part_in.front()->dtype : whole.precision.accumulate;
      const OnnxResult made = stored(part, write(part, path, part_in));
      if (id == result.id()) return made;
      OnnxOperand operand{.shape = part.shape, .dtype = made.dtype};
      (made.is_channels ? operand.channels : operand.name) = made.name;
      values.push_back(&e_.keep(std::move(operand)));
    }
    fail(ErrorKind::Internal, "{}: op {} has an operand for its meaning", path, whole.op->name);
  }

  OnnxResult stored(const Node& node, OnnxResult result) {
    const DType dtype = node.spec().dtype;
    return {e_.cast(result.name, result.dtype, dtype), dtype, result.is_channels};
  }

  Emitter e_;
};

}  // namespace

bool maps_to_onnx(const OpDef& op) { return find_mapping(op) != nullptr; }

OnnxModel to_onnx(const Graph& graph, std::string name) {
  OnnxModel model{.name = std::move(name)};
  Translation(model).run(graph);
  return model;
}

}  // namespace newbie
