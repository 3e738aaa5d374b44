#include "train/loss_graph.h"

#include "compile/differentiate.h"
#include "graph/ops/sums.h"

namespace newbie {

Graph loss_graph(const NextDitConfig& config, const SampleShape& shape, std::span<const AdaptedModule> modules) {
  Graph g = attach_trained(next_dit(config, shape.caption_tokens, shape.height, shape.width), modules);
  const Value velocity = g.value(g.outputs().front().id);
  g.output("loss", squared_error(velocity, g.input("target", Shape(velocity.shape()))));
  return g;
}

Graph training_graph(const Graph& loss, const Parameters& trained) {
  return differentiate(loss, "loss", [&](const std::string& weight) { return trained.find(weight) != nullptr; });
}

}  // namespace newbie
