#include "overflow/study.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "graph/cost.h"
#include "graph/ops/cast.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

// The values whose numbers a chain of moves gives on.
void add_origins(const Graph& graph, int id, std::set<int>& out) {
  const Node& node = graph.node(id);
  if (node.op->numeric_class != NumericClass::Movement && node.op != &cast_op) {
    out.insert(id);
    return;
  }
  for (const int in : node.inputs) add_origins(graph, in, out);
}

class ExcessFinder {
 public:
  explicit ExcessFinder(const RangeTrace& plain) : plain_(plain) {}

  void look(const TracedGraph& traced) {
    const Graph& graph = traced.graph;
    for (int id = 0; id < graph.size(); ++id) {
      const Node& node = graph.node(id);
      if (is_source(node) || node.element != Element::Real || node.op->numeric_class == NumericClass::Movement)
        continue;
      if (node.op == &cast_op) {
        std::set<int> origins;
        add_origins(graph, id, origins);
        for (const int origin : origins) stored(traced, origin, node.precision.storage, &node.paths.front());
      } else {
        stored(traced, id, node.precision.storage, nullptr);
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
  // In the order of the run.
  std::vector<Excess> take() {
    std::ranges::stable_sort(found_, {}, [&](const Excess& e) {
      const ValueRange* value = plain_.find(e.name);
      return value == nullptr ? plain_.values().size() : static_cast<size_t>(value - plain_.values().data());
    });
    return std::move(found_);
  }

 private:
  void stored(const TracedGraph& traced, int id, DType format, const std::string* cast) {
    const ValueRange* range = plain_.find(traced.name(id));
    if (range == nullptr || range->largest <= largest_of(format)) return;
    Excess e{.name = range->name(), .op = range->op, .largest = range->largest, .format = format, .when = range->when};
    if (cast != nullptr) {
      e.where = Excess::Where::Operand;
      e.reader = traced.part + '.' + cast->substr(0, cast->find(':'));
    }
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
    if (seen_.insert(fmt::format("{}|{}|{}|{}", static_cast<int>(e.where), e.name, e.reader, to_string(e.kind))).second)
      found_.push_back(std::move(e));
  }

  const RangeTrace& plain_;
  std::set<std::string> seen_;
  std::vector<Excess> found_;
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
  if (const auto& bad = out.plain->first_bad()) out.bad_in_f32.push_back(bad->name());
  for (const ValueRange& range : out.plain->values()) {
    if (range.not_finite == 0) continue;
    tracing.known_bad.insert(range.name());
    if (range.name() != out.bad_in_f32.front()) out.bad_in_f32.push_back(range.name());
  }
  out.asked = std::make_unique<RangeTrace>(options.threads, tracing);
  out.drawn = subject.run({.precision = request, .trace = out.asked.get()}, progress, stop);

  ExcessFinder finder(*out.plain);
  for (const TracedGraph* traced : out.asked->graphs()) {
    finder.look(*traced);
    for (int id = 0; id < traced->graph.size(); ++id) {
      const double flop = static_cast<double>(traced->runs) * floating_operations(traced->graph, id);
      out.flop += flop;
      if (traced->graph.node(id).precision.compute == DType::F32) out.f32_flop += flop;
    }
  }
  out.excesses = finder.take();
  return made;
}

}  // namespace newbie
