#include "evaluate/single_input_network.h"

#include "graph/ops/sources.h"

namespace newbie {

SingleInputNetwork::SingleInputNetwork(Runtime& runtime, Network& network, const Graph& graph)
    : network_(network), program_(network.compile(graph)) {
  for (int id = 0; id < graph.size(); ++id) {
    if (graph.node(id).op != &input_op) continue;
    if (!input_name_.empty()) fail(ErrorKind::Internal, "a graph of one input has another");
    input_name_ = graph.node(id).paths.front();
    input_ = graph.node(id).spec();
  }
  const Graph::Output& output = graph.outputs().front();
  output_name_ = output.name;
  output_ = {graph.node(output.id).shape, DType::F32};
  network_.load(program_);
  arena_ = runtime.allocator.allocate(program_.memory().arena_bytes, "extractor arena");
}

void SingleInputNetwork::run(const std::byte* input, std::span<float> out, StopToken stop) const {
  if (out.size() != outputs()) fail(ErrorKind::Internal, "room for {} features, there are {}", out.size(), outputs());
  Bindings bindings;
  bindings.inputs[input_name_] = {input_, input};
  bindings.outputs[output_name_] = {output_, reinterpret_cast<std::byte*>(out.data())};
  network_.run(program_, arena_, bindings, stop);
}

}  // namespace newbie
