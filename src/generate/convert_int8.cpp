#include "generate/convert_int8.h"

#include <algorithm>
#include <cmath>

#include "compile/precision.h"
#include "core/float_formats.h"
#include "core/quantise.h"
#include "generate/part_graphs.h"
#include "graph/ops/linear.h"

namespace newbie {

namespace {

constexpr std::string_view kMarker = R"({"format": "int8_tensorwise"})";

// Row after row, each as the operand of a kernel: in bf16.
template <typename Use>
void for_rows(const WeightStore& store, const std::string& weight, Use use) {
  const DerivedTensor tensor = store.tensor(weight);
  const Shape& shape = tensor.spec.shape;
  std::vector<float> row(static_cast<size_t>(shape[1]));
  for (int64_t r = 0; r < shape[0]; ++r) {
    tensor.fill(static_cast<size_t>(r) * row.size(), row);
    float largest = 0;
    for (float& value : row) {
      value = round_to(DType::BF16, value);
      largest = std::isnan(value) ? NAN : std::max(largest, std::fabs(value));
    }
    use(row, Int8Scale(largest));
  }
  store.check_intact();
}

StreamedTensor numbers_of(const WeightStore& store, const std::string& weight) {
  return {weight, {store.find(weight)->shape, DType::I8}, [&store, weight](const auto& write) {
            std::vector<int8_t> numbers;
            for_rows(store, weight, [&](const std::vector<float>& row, const Int8Scale& scale) {
              numbers.clear();
              for (const float value : row) numbers.push_back(scale.quantise(value));
              write(std::as_bytes(std::span(numbers)));
            });
            store.release(weight);
          }};
}

StreamedTensor scales_of(const WeightStore& store, const std::string& weight, std::string name) {
  return {std::move(name), {Shape{store.find(weight)->shape[0], 1}, DType::F32}, [&store, weight](const auto& write) {
            for_rows(store, weight, [&](const std::vector<float>&, const Int8Scale& scale) {
              write(std::as_bytes(std::span(&scale.scale, 1)));
            });
          }};
}

}  // namespace

std::set<std::string> int8_weights(const Transformer& part) {
  std::set<std::string> names;
  for (const NamedGraph& named : transformer_graphs(part)) {
    const Graph decided = decide_precision(named.graph, preset_policy(PrecisionPreset::Int8, DType::I8), "transformer");
    for (int id = 0; id < decided.size(); ++id) {
      const Node& node = decided.node(id);
      if (node.op == &linear_op && node.precision.compute == DType::I8)
        names.insert(decided.node(node.inputs[1]).paths.front());
    }
  }
  return names;
}

std::vector<StreamedTensor> int8_tensors(const WeightStore& store, const std::string& weight) {
  const std::string layer = weight.substr(0, weight.size() - std::string_view("weight").size());
  const auto marker_bytes = static_cast<int64_t>(kMarker.size());
  return {numbers_of(store, weight),
          scales_of(store, weight, layer + "weight_scale"),
          {layer + "comfy_quant", {{marker_bytes}, DType::U8}, [](const auto& write) {
             write(std::as_bytes(std::span(kMarker)));
           }}};
}

}  // namespace newbie
