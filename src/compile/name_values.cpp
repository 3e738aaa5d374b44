#include "compile/name_values.h"

#include <set>

#include "graph/ops/sources.h"

namespace newbie {

void name_values(Graph& graph) {
  const auto size = static_cast<size_t>(graph.size());
  std::vector<int> first_reader(size, -1);
  for (int id = graph.size() - 1; id >= 0; --id)
    for (int in : graph.node(id).inputs) first_reader[static_cast<size_t>(in)] = id;
  std::vector<std::string> known_by(size);  // the first named value made from each
  for (const Graph::Output& o : graph.outputs()) known_by[static_cast<size_t>(o.id)] = o.name;
  for (int id = graph.size() - 1; id >= 0; --id) {
    const Node& node = graph.node(id);
    const int reader = first_reader[static_cast<size_t>(id)];
    if (!node.paths.empty())
      known_by[static_cast<size_t>(id)] = node.paths.front().substr(0, node.paths.front().find(':'));
    else if (reader >= 0)
      known_by[static_cast<size_t>(id)] = known_by[static_cast<size_t>(reader)];
  }
  std::set<std::string> taken;
  for (int id = 0; id < graph.size(); ++id)
    for (const std::string& path : graph.node(id).paths) taken.insert(path);
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (is_source(node) || !node.paths.empty()) continue;
    const std::string name = known_by[static_cast<size_t>(id)] + ':' + std::string(node.op->name);
    std::string unique = name;
    for (int i = 2; !taken.insert(unique).second; ++i) unique = name + '#' + std::to_string(i);
    graph.name(graph.value(id), unique);
  }
}

}  // namespace newbie
