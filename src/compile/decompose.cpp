#include "compile/decompose.h"

#include "compile/rewrite.h"

namespace newbie {

Graph decompose(const Graph& graph, const std::function<bool(const Node&)>& should) {
  bool again = false;
  Graph out = rewrite(graph, [&](const Node& node, int, const std::vector<Value>& inputs, Graph&) -> Value {
    if (node.op->decompose == nullptr || !should(node)) return {};
    again = true;
    return node.op->decompose(inputs, node.attrs);
  });
  return again ? decompose(out, should) : std::move(out);
}

}  // namespace newbie
