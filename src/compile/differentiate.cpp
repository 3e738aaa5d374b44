#include "compile/differentiate.h"

#include <algorithm>
#include <map>
#include <set>

#include "compile/decompose.h"
#include "compile/precision.h"
#include "compile/rewrite.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

class ReverseWalk {
 public:
  ReverseWalk(Graph graph, const Trainable& trainable)
      : graph_(std::move(graph)), forward_(graph_.size()), paths_(policy_paths(graph_, "")) {
    for (int id = 0; id < forward_; ++id) {
      const Node& n = graph_.node(id);
      const bool wanted = n.op == &weight_op && trainable(n.paths.front());
      if (wanted) weights_.push_back(id);
      leads_.push_back(wanted ||
                       std::ranges::any_of(n.inputs, [&](int in) { return leads_[static_cast<size_t>(in)]; }));
      for (const std::string& path : n.paths) taken_.insert(path);
    }
    if (weights_.empty()) fail(ErrorKind::InvalidRequest, "no weight of the network is trainable");
  }

  Graph run(std::string_view loss) {
    const auto& outputs = graph_.outputs();
    const auto at = std::ranges::find(outputs, loss, &Graph::Output::name);
    if (at == outputs.end() || !(graph_.node(at->id).shape == Shape{1}))
      fail(ErrorKind::Internal, "the graph has no output {} of shape [1]", loss);
    const int of_loss = at->id;
    gradients_.resize(static_cast<size_t>(forward_));
    gradients_[static_cast<size_t>(of_loss)] = graph_.input(std::string(kLossGradient), {1});
    for (int id = of_loss; id >= 0; --id)
      if (leads_[static_cast<size_t>(id)] && gradients_[static_cast<size_t>(id)]) go_through(id);
    for (int id : weights_) {
      const std::string& name = graph_.node(id).paths.front();
      const Value gradient = gradients_[static_cast<size_t>(id)];
      if (!gradient) fail(ErrorKind::InvalidRequest, "weight {} does not reach the loss: it cannot be trained", name);
      graph_.output(gradient_name(name), gradient);
    }
    return remove_unused(graph_);
  }

 private:
  // The value's gradient is whole: all its readers come later, and were seen. On to its operands.
  void go_through(int id) {
    const Value dy = gradients_[static_cast<size_t>(id)];
    if (!is_source(graph_.node(dy.id())))
      for (const std::string& path : std::vector<std::string>(graph_.node(id).paths))
        graph_.name(dy, gradient_name(path));
    const OpDef& op = *graph_.node(id).op;
    if (is_source(graph_.node(id))) return;
    const std::string& path = paths_[static_cast<size_t>(id)].front();
    if (op.gradient == nullptr)
      fail(ErrorKind::Unsupported, "{}: op {} has no gradient, and a trainable weight lies behind it", path, op.name);

    // Copies: a rule appends nodes, which moves what is there.
    const std::vector<int> ids = graph_.node(id).inputs;
    const Attrs attrs = graph_.node(id).attrs;
    std::vector<Value> inputs;
    for (int in : ids) inputs.push_back(graph_.value(in));
    const int before = graph_.size();
    const Gradients made = op.gradient({inputs, graph_.value(id), attrs}, dy);
    if (made.size() > inputs.size()) fail(ErrorKind::Internal, "{}: {} has too many gradients", path, op.name);
    for (size_t i = 0; i < made.size(); ++i) {
      if (!made[i] || !leads_[static_cast<size_t>(ids[i])]) continue;
      if (!(made[i].shape() == inputs[i].shape()))
        fail(ErrorKind::Internal, "{}: {} gives input {} of shape {} a gradient of shape {}", path, op.name, i,
             inputs[i].shape().str(), made[i].shape().str());
      Value& sum = gradients_[static_cast<size_t>(ids[i])];
      sum = sum ? add(sum, made[i]) : made[i];
    }
    for (int made_id = before; made_id < graph_.size(); ++made_id)
      if (!is_source(graph_.node(made_id))) graph_.name(graph_.value(made_id), unique_name(path, made_id));
  }

  std::string unique_name(const std::string& path, int id) {
    const std::string name = gradient_name(path) + '.' + std::string(graph_.node(id).op->name);
    std::string unique = name;
    for (int i = 2; !taken_.insert(unique).second; ++i) unique = name + '#' + std::to_string(i);
    return unique;
  }

  Graph graph_;
  int forward_;                                  // nodes of the graph itself
  std::vector<std::vector<std::string>> paths_;  // of them
  std::vector<bool> leads_;                      // to a trainable weight
  std::vector<int> weights_;                     // that are trainable
  std::vector<Value> gradients_;                 // by node, as far as the walk has come
  std::set<std::string> taken_;
};

}  // namespace

std::string gradient_name(std::string_view weight) { return std::string(weight) + ".gradient"; }

Graph differentiate(const Graph& graph, std::string_view loss, const Trainable& trainable) {
  Graph whole = decompose(remove_unused(graph), [](const Node& n) { return n.op->gradient == nullptr; });
  return ReverseWalk(std::move(whole), trainable).run(loss);
}

}  // namespace newbie
