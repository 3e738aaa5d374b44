#include "compile/recompute_activations.h"

#include <algorithm>
#include <span>

#include "compile/differentiate.h"
#include "compile/rewrite.h"
#include "graph/cost.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

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

// The way there, cut into pieces, and what of it may be made again.
class Pieces {
 public:
  explicit Pieces(const Graph& graph) : graph_(graph) {
    const auto way_back = graph.find_input(kLossGradient);
    if (!way_back) fail(ErrorKind::Internal, "the graph has no input {}: it was not differentiated", kLossGradient);
    forward_ = *way_back;
    cut();
    stays_.resize(at(forward_));
    for (int id = 0; id < forward_; ++id) {
      if (is_source(graph.node(id))) stays_[at(id)] = true;
      for (int in : graph.node(id).inputs)
        if (piece_of(in) != piece_of(id)) stay(in);
    }
    for (const Graph::Output& o : graph.outputs())
      if (o.id < forward_) stay(o.id);
    for (int id = 0; id < forward_; ++id)
      if (stays_[at(id)] && !is_source(graph.node(id)) && !graph.node(id).op->view)
        bytes_that_stay_ += graph.node(id).spec().bytes();
    find_made_again();
  }

  int forward() const { return forward_; }             // nodes [0, forward) are the way there
  bool stays(int id) const { return stays_[at(id)]; }  // sources, and what other pieces read
  size_t bytes_that_stay() const { return bytes_that_stay_; }

  // What may be kept instead of being made again, that which most is computed for a byte first. Of equals the later
  // comes first: the way back gives it free sooner.
  std::vector<int> worth_keeping() const {
    struct Candidate {
      int id;
      double worth;
      std::vector<int> saved;
    };
    std::vector<Candidate> all;
    for (int id = forward_ - 1; id >= 0; --id) {
      if (!made_again_[at(id)] || graph_.node(id).op->view) continue;
      Candidate c{id, 0, saved_by(id)};
      for (const int made : c.saved) c.worth += floating_operations(graph_, made);
      c.worth /= static_cast<double>(graph_.node(id).spec().bytes());
      all.push_back(std::move(c));
    }
    std::ranges::stable_sort(all, std::greater(), &Candidate::worth);
    std::vector<int> out;
    std::vector<bool> saved(at(forward_));  // nobody would read it
    for (const Candidate& c : all) {
      if (saved[at(c.id)]) continue;
      out.push_back(c.id);
      for (const int id : c.saved) saved[at(id)] = true;
    }
    return out;
  }

 private:
  static size_t at(int id) { return static_cast<size_t>(id); }

  void cut() {
    const std::vector<Crossing> after = crossings(graph_, forward_);
    constexpr int kFewestNodes = 4;  // fewer are not worth making again
    int begin = 0;
    for (int id = 0; id + 1 < forward_; ++id) {
      const Crossing& c = after[at(id)];
      const bool narrow = c.all <= c.largest + c.largest / 4 && !graph_.node(id + 1).op->view;
      if (!narrow || id + 1 - begin < kFewestNodes) continue;
      ends_.push_back(id + 1);
      begin = id + 1;
    }
    ends_.push_back(forward_);
  }

  size_t piece_of(int id) const { return at(static_cast<int>(std::ranges::upper_bound(ends_, id) - ends_.begin())); }

  void stay(int id) {  // the bytes of a view are those of its source
    stays_[at(id)] = true;
    if (graph_.node(id).op->view) stay(graph_.node(id).inputs[0]);
  }

  // With nothing kept; and who reads it then.
  void find_made_again() {
    made_again_.resize(at(forward_));
    readers_.resize(at(forward_));
    for (int id = graph_.size() - 1; id >= 0; --id) {
      if (id < forward_ && !made_again_[at(id)]) continue;
      for (const int in : graph_.node(id).inputs) {
        if (in >= forward_ || stays_[at(in)]) continue;
        made_again_[at(in)] = true;
        readers_[at(in)].push_back(id);
      }
    }
  }

  // What need not be made again when the value is there: itself, and what is read for nothing else.
  std::vector<int> saved_by(int value) const {
    std::vector<bool> saved(at(value) + 1);
    saved[at(value)] = true;
    std::vector<int> out{value};
    const size_t piece = piece_of(value);
    for (int id = value - 1; id >= 0 && piece_of(id) == piece; --id) {
      if (!made_again_[at(id)]) continue;
      const auto spared = [&](int reader) { return reader <= value && saved[at(reader)]; };
      if (!std::ranges::all_of(readers_[at(id)], spared)) continue;
      saved[at(id)] = true;
      out.push_back(id);
    }
    return out;
  }

  const Graph& graph_;
  int forward_ = 0;
  std::vector<int> ends_;  // of pieces, exclusive, rising; the last is `forward_`
  std::vector<bool> stays_, made_again_;
  std::vector<std::vector<int>> readers_;
  size_t bytes_that_stay_ = 0;
};

// Copies the graph; on the way back, what neither stays nor is kept is made again where it is first read.
Graph recompute_all_but(const Graph& graph, const Pieces& pieces, std::span<const int> kept) {
  Graph out;
  const auto size = static_cast<size_t>(graph.size());
  std::vector<int> moved(size, -1), again(size, -1);  // a node in the new graph, and the one that makes it again
  std::vector<bool> is_kept(size, false);
  for (const int id : kept) is_kept[static_cast<size_t>(id)] = true;

  // The value as a node of the way back may read it.
  const std::function<int(int)> on_the_way_back = [&](int id) {
    const auto i = static_cast<size_t>(id);
    if (id >= pieces.forward() || pieces.stays(id) || is_kept[i]) return moved[i];
    if (again[i] >= 0) return again[i];
    Node n = graph.node(id);
    for (int& in : n.inputs) in = on_the_way_back(in);
    for (std::string& path : n.paths) path += ".again";  // a policy's rule of a module holds for it, too
    return again[i] = out.append(std::move(n)).id();
  };
  for (int id = 0; id < graph.size(); ++id) {
    Node n = graph.node(id);
    for (int& in : n.inputs) in = id < pieces.forward() ? moved[static_cast<size_t>(in)] : on_the_way_back(in);
    moved[static_cast<size_t>(id)] = out.append(std::move(n)).id();
  }
  for (const Graph::Output& o : graph.outputs()) out.output(o.name, out.value(moved[static_cast<size_t>(o.id)]));
  return remove_unused(out);
}

}  // namespace

Graph recompute_activations(const Graph& graph, size_t budget, const std::function<size_t(const Graph&)>& bytes) {
  Graph whole = remove_unused(graph);
  if (bytes(whole) <= budget) return whole;
  const Pieces pieces(whole);
  const std::vector<int> worth = pieces.worth_keeping();
  const auto keeping = [&](size_t count) { return recompute_all_but(whole, pieces, std::span(worth).first(count)); };
  size_t low = 0, high = worth.size();  // so many of them fit, or nothing does; as many more do not, or are all
  while (low < high) {
    const size_t middle = high - (high - low) / 2;
    if (bytes(keeping(middle)) <= budget)
      low = middle;
    else
      high = middle - 1;
  }
  return keeping(low);
}

Graph recompute_most(const Graph& graph) {
  const Graph whole = remove_unused(graph);
  const Pieces pieces(whole);
  const std::vector<int> worth = pieces.worth_keeping();
  size_t count = 0;
  for (size_t bytes = 0; count < worth.size(); ++count) {
    bytes += whole.node(worth[count]).spec().bytes();
    if (bytes > pieces.bytes_that_stay()) break;
  }
  return recompute_all_but(whole, pieces, std::span(worth).first(count));
}

}  // namespace newbie
