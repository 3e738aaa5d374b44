#include "compile/recompute_activations.h"

#include <algorithm>
#include <set>

#include "compile/differentiate.h"
#include "compile/rewrite.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

// Where pieces of the way there end, and whose piece each of its nodes is.
struct Pieces {
  int forward = 0;        // nodes [0, forward) are the way there
  std::vector<int> ends;  // of pieces, exclusive, rising; the last is `forward`

  size_t of(int id) const { return static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), id) - ends.begin()); }
};

// After each forward node, the bytes of what was made and is read later on the way there: all together, and the
// largest value.
struct Crossing {
  size_t all = 0, largest = 0;
};

std::vector<Crossing> crossings(const Graph& graph, int forward) {
  std::vector<int> last(static_cast<size_t>(forward));
  for (int id = 0; id < forward; ++id)
    for (int in : graph.node(id).inputs) {
      // A view's bytes are its source's.
      for (int at = in;; at = graph.node(at).inputs[0]) {
        last[static_cast<size_t>(at)] = std::max(last[static_cast<size_t>(at)], id);
        if (!graph.node(at).op->view) break;
      }
    }
  std::vector<Crossing> out(static_cast<size_t>(forward));
  for (int id = 0; id < forward; ++id) {
    const Node& n = graph.node(id);
    if (is_source(n) || n.op->view) continue;
    for (int at = id; at < last[static_cast<size_t>(id)]; ++at) {
      Crossing& c = out[static_cast<size_t>(at)];
      c.all += n.spec().bytes();
      c.largest = std::max(c.largest, n.spec().bytes());
    }
  }
  return out;
}

Pieces cut(const Graph& graph) {
  const auto way_back = graph.find_input(kLossGradient);
  if (!way_back) fail(ErrorKind::Internal, "the graph has no input {}: it was not differentiated", kLossGradient);
  Pieces out{.forward = *way_back};
  const std::vector<Crossing> after = crossings(graph, out.forward);
  constexpr int kFewestNodes = 4;  // fewer are not worth making again
  int begin = 0;
  for (int id = 0; id + 1 < out.forward; ++id) {
    const Crossing& c = after[static_cast<size_t>(id)];
    const bool narrow = c.all <= c.largest + c.largest / 4 && !graph.node(id + 1).op->view;
    if (!narrow || id + 1 - begin < kFewestNodes) continue;
    out.ends.push_back(id + 1);
    begin = id + 1;
  }
  out.ends.push_back(out.forward);
  return out;
}

// Copies the graph; on the way back, an inner value of a recomputed piece is one that was made again there.
class Recomputer {
 public:
  Recomputer(const Graph& graph, const Pieces& pieces, size_t recomputed)
      : graph_(graph),
        pieces_(pieces),
        recomputed_(recomputed),
        moved_(static_cast<size_t>(graph.size()), -1),
        again_(static_cast<size_t>(graph.size()), -1),
        crosses_(static_cast<size_t>(graph.size()), false) {
    for (int id = 0; id < pieces.forward; ++id)
      for (int in : graph.node(id).inputs)
        if (pieces.of(in) != pieces.of(id)) keep(in);
    for (const Graph::Output& o : graph.outputs()) keep(o.id);
  }

  Graph run() {
    for (int id = 0; id < graph_.size(); ++id) {
      Node n = graph_.node(id);
      for (int& in : n.inputs) in = id < pieces_.forward ? moved_[static_cast<size_t>(in)] : on_the_way_back(in);
      moved_[static_cast<size_t>(id)] = out_.append(std::move(n)).id();
    }
    for (const Graph::Output& o : graph_.outputs()) out_.output(o.name, out_.value(moved_[static_cast<size_t>(o.id)]));
    return remove_unused(out_);
  }

 private:
  void keep(int id) {  // the bytes of a view are those of its source
    crosses_[static_cast<size_t>(id)] = true;
    if (graph_.node(id).op->view) keep(graph_.node(id).inputs[0]);
  }

  // The value as a node of the way back may read it.
  int on_the_way_back(int id) {
    const bool stays = id >= pieces_.forward || is_source(graph_.node(id)) || crosses_[static_cast<size_t>(id)] ||
                       pieces_.of(id) >= recomputed_;
    if (stays) return moved_[static_cast<size_t>(id)];
    int& made = again_[static_cast<size_t>(id)];
    if (made >= 0) return made;
    Node n = graph_.node(id);
    for (int& in : n.inputs) in = on_the_way_back(in);
    for (std::string& path : n.paths) path += ".again";  // a policy's rule of a module holds for it, too
    return made = out_.append(std::move(n)).id();
  }

  const Graph& graph_;
  const Pieces& pieces_;
  size_t recomputed_;
  Graph out_;
  std::vector<int> moved_, again_;  // a node in the new graph, and the one that makes it again
  std::vector<bool> crosses_;       // read by another piece
};

}  // namespace

size_t piece_count(const Graph& graph) { return cut(graph).ends.size(); }

Graph recompute_first(const Graph& graph, size_t pieces) {
  const Pieces all = cut(graph);
  return Recomputer(graph, all, std::min(pieces, all.ends.size())).run();
}

Graph recompute_activations(const Graph& graph, size_t budget, const std::function<size_t(const Graph&)>& bytes) {
  Graph whole = recompute_first(graph, 0);
  if (bytes(whole) <= budget) return whole;
  size_t low = 1, high = piece_count(graph);  // `high` is enough, or all there is
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (bytes(recompute_first(graph, middle)) <= budget)
      high = middle;
    else
      low = middle + 1;
  }
  return recompute_first(graph, high);
}

}  // namespace newbie
