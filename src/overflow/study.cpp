#include "overflow/study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "compile/rescale.h"
#include "core/scaled_weight.h"
#include "graph/cost.h"
#include "graph/ops/cast.h"
#include "graph/ops/movement.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

// Finds what the asked run cannot keep of what the run in f32 has.
class ExcessFinder {
 public:
  ExcessFinder(const RangeTrace& plain, const RangeTrace& asked) : plain_(plain) {
    for (const TracedGraph* traced : plain.graphs()) {
      const auto pieces = result_pieces(traced->graph);
      for (int id = 0; id < traced->graph.size(); ++id) {
        for (const ResultPiece& piece : pieces[static_cast<size_t>(id)])
          pieces_[traced->name(id)].insert(traced->piece_name(piece));
        note_weights(*traced, id, pieces[static_cast<size_t>(id)]);
      }
    }
    for (const WeightRange& w : asked.weights()) {
      const std::string key = WeightRange::key(w.part, w.weight, w.begin, w.end);
      Excess e{.where = Excess::Where::Weight, .weight = key, .largest = w.largest, .format = w.format};
      const auto reader = readers_.find(key);
      e.name = reader == readers_.end() ? w.part + '.' + w.weight : reader->second.first;
      e.op = reader == readers_.end() ? "" : reader->second.second;
      if (w.largest > largest_of(w.format)) add(e);
      e.loss = w.loss;
      if (w.loss > kNoticedLoss) add(std::move(e));
    }
  }

  void look(const TracedGraph& traced) {
    const Graph& graph = traced.graph;
    for (int id = 0; id < graph.size(); ++id) {
      const Node& node = graph.node(id);
      if (is_source(node) || node.element != Element::Real || node.op->numeric_class == NumericClass::Movement)
        continue;
      if (node.op == &cast_op) {
        std::set<std::string> origins;
        add_origins(traced, id, origins);
        for (const std::string& origin : origins) stored(traced, origin, node.precision.storage, &node.paths.front());
      } else {
        std::set<std::string> made;
        add_origins(traced, id, made);
        for (const std::string& name : made) stored(traced, name, node.precision.storage, nullptr);
      }
    }
    for (const InsideRange& inside : plain_.insides()) {
      if (inside.part != traced.part) continue;
      const std::optional<DType> kept = accumulate_of(traced, inside);
      if (!kept || inside.largest <= largest_of(*kept)) continue;
      add({.where = Excess::Where::Inside,
           .name = inside.name(),
           .op = inside.op,
           .kind = inside.kind,
           .largest = inside.largest,
           .format = *kept,
           .when = inside.when});
    }
  }
  std::vector<Excess> take_excesses() {
    std::ranges::stable_sort(excesses_, {}, [&](const Excess& e) { return place_of(e); });
    return std::move(excesses_);
  }
  std::vector<Excess> take_losses() {
    std::ranges::stable_sort(losses_, [&](const Excess& a, const Excess& b) {
      return a.loss != b.loss ? a.loss > b.loss : place_of(a) < place_of(b);
    });
    return std::move(losses_);
  }

 private:
  // The values whose numbers a value is, or a chain of moves gives on; pieces of a result apart.
  void add_origins(const TracedGraph& traced, int id, std::set<std::string>& out) const {
    const Graph& graph = traced.graph;
    const Node& node = graph.node(id);
    if (node.op->numeric_class != NumericClass::Movement && node.op != &cast_op) {
      const auto pieces = pieces_.find(traced.name(id));
      if (pieces == pieces_.end())
        out.insert(traced.name(id));
      else
        out.insert(pieces->second.begin(), pieces->second.end());
      return;
    }
    if (node.op == &slice_columns_op) {
      const std::string name = traced.piece_name({id, node.attrs.integer("begin"), node.attrs.integer("end")});
      if (plain_.find(name) != nullptr) {
        out.insert(name);
        return;
      }
    }
    for (const int in : node.inputs) add_origins(traced, in, out);
  }

  // The op, or the piece of its result, that each weight makes. Ops that were joined have other names than those that
  // rules know.
  void note_weights(const TracedGraph& traced, int id, const std::vector<ResultPiece>& pieces) {
    const Node& node = traced.graph.node(id);
    for (const int in : node.inputs) {
      const Node& weight = traced.graph.node(in);
      if (weight.op != &weight_op || weight.shape.rank() == 0) continue;
      const std::string_view name = parse_scaled_weight(weight.paths.front()).name;
      const auto note = [&](int64_t begin, int64_t end, std::string reader) {
        readers_.emplace(WeightRange::key(traced.part, name, begin, end), std::pair(std::move(reader), node.op->name));
      };
      if (pieces.empty()) note(0, weight.shape[0], traced.name(id));
      for (const ResultPiece& piece : pieces) note(piece.begin, piece.end, traced.piece_name(piece));
    }
  }

  void stored(const TracedGraph& traced, const std::string& name, DType format, const std::string* cast) {
    const ValueRange* range = plain_.find(name);
    if (range == nullptr) return;
    Excess e{.name = range->name(), .op = range->op, .largest = range->largest, .format = format, .when = range->when};
    if (cast != nullptr) {
      e.where = Excess::Where::Operand;
      e.reader = traced.part + '.' + cast->substr(0, cast->find(':'));
    }
    if (range->largest > largest_of(format)) add(e);
    if (format != DType::F16 || range->loss <= kNoticedLoss) return;
    e.loss = range->loss;
    e.largest = range->loss_largest;
    e.when = range->loss_when;
    add(std::move(e));
  }

  // In what the op that this was seen in adds up, as the asked graph has it; nothing when it is not in this graph.
  static std::optional<DType> accumulate_of(const TracedGraph& traced, const InsideRange& inside) {
    const Graph& graph = traced.graph;
    for (int id = 0; id < graph.size(); ++id) {
      const Node& node = graph.node(id);
      if (is_source(node) || node.op->numeric_class == NumericClass::Movement || node.op == &cast_op) continue;
      // A norm that was joined with what follows it has that one's name: it is known by what it norms.
      const InsideRule& own = node.op->inside;
      const bool joined =
          node.op->decompose != nullptr && (own.sums == InsideSums::RmsNorm || own.sums == InsideSums::GroupNorm);
      const bool reads = joined && graph.node(node.inputs[own.operand]).paths.front() == inside.operand;
      if (node.paths.front() == inside.path || reads) return node.precision.accumulate;
    }
    return std::nullopt;
  }

  void add(Excess e) {
    std::vector<Excess>& found = e.loss > 0 ? losses_ : excesses_;
    if (seen_
            .insert(fmt::format("{}|{}|{}|{}|{}|{}", static_cast<int>(e.where), e.name, e.weight, e.reader,
                                to_string(e.kind), e.loss > 0))
            .second)
      found.push_back(std::move(e));
  }
  size_t place_of(const Excess& e) const {
    const ValueRange* value = plain_.find(e.name);
    return value == nullptr ? plain_.values().size() : static_cast<size_t>(value - plain_.values().data());
  }

  const RangeTrace& plain_;
  std::map<std::string, std::set<std::string>> pieces_;                 // by the value that they are cut out of
  std::map<std::string, std::pair<std::string, std::string>> readers_;  // name and op, by WeightRange::key
  std::set<std::string> seen_;
  std::vector<Excess> excesses_, losses_;
};

}  // namespace

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  const double out = ab / std::sqrt(aa * bb);
  return std::isfinite(out) ? out : std::numeric_limits<double>::quiet_NaN();
}

bool Study::is_finite() const { return !first_bad(); }

std::vector<double> Study::cosines() const {
  std::vector<double> out;
  for (size_t i = 0; i < exact.results.size(); ++i) out.push_back(cosine(drawn.results[i], exact.results[i]));
  return out;
}

std::shared_ptr<const Study> study(Subject& subject, const PrecisionRequest& request, const StudyOptions& options,
                                   RunObserver& progress, StopToken stop) {
  const auto made = std::make_shared<Study>();
  Study& out = *made;
  out.resolution = resolve_precision(request, this_cpu());
  RangeTrace::Options tracing{.part = options.part, .absolute_sums = options.absolute_sums};
  out.plain = std::make_unique<RangeTrace>(options.threads, tracing);
  PrecisionRequest wide{PrecisionPreset::F32};
  wide.rescales = request.rescales;
  out.exact = subject.run(
      {.precision = wide, .plain = true, .decompose = out.resolution.policy.decompose, .trace = out.plain.get()},
      progress, stop);

  tracing.absolute_sums = false;
  tracing.narrow_alone = true;
  tracing.weights = true;
  if (const auto& bad = out.plain->first_bad()) out.bad_in_f32.push_back(bad->name());
  for (const ValueRange& range : out.plain->values()) {
    if (range.not_finite == 0) continue;
    tracing.known_bad.insert(range.name());
    if (range.name() != out.bad_in_f32.front()) out.bad_in_f32.push_back(range.name());
  }
  out.asked = std::make_unique<RangeTrace>(options.threads, tracing);
  out.drawn = subject.run({.precision = request, .trace = out.asked.get()}, progress, stop);

  ExcessFinder finder(*out.plain, *out.asked);
  for (const TracedGraph* traced : out.asked->graphs()) {
    finder.look(*traced);
    for (int id = 0; id < traced->graph.size(); ++id) {
      const double flop = static_cast<double>(traced->runs) * floating_operations(traced->graph, id);
      out.flop += flop;
      if (traced->graph.node(id).precision.compute == DType::F32) out.f32_flop += flop;
    }
  }
  out.excesses = finder.take_excesses();
  out.losses = finder.take_losses();
  return made;
}

}  // namespace newbie
