#include "overflow/cure.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "compile/rescale.h"
#include "graph/ops/all.h"
#include "overflow/scale_classes.h"

namespace newbie {

namespace {

constexpr int kRounds = 8;
constexpr int kHeadroomBits = 2;
constexpr double kBeyond = 16;        // the cost of a value beyond its format: far more than any underflow
constexpr double kWeightBeyond = 1;   // of a weight: f32 helps it, at the cost of one op
constexpr double kNothing = 0x1p-60;  // the square of a loss that is about 2^-18 of what rounding to f16 takes

// "layers.7.feed_forward.w2" -> "layers.*.feed_forward.w2"
std::string with_stars(const std::string& path) {
  std::string out;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string word = path.substr(begin, end - begin);
    const bool number = !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
    out += (begin == 0 ? "" : ".") + (number ? std::string("*") : word);
    begin = end + 1;
  }
  return out;
}

class Curer {
 public:
  Curer(Subject& subject, const PrecisionRequest& request, const StudyOptions& options, RunObserver& progress,
        StopToken stop)
      : subject_(subject), request_(request), options_(options), progress_(progress), stop_(stop) {}

  Cure run(std::shared_ptr<const Study> before) {
    Cure out{.request = request_, .rescales = {}, .rules = {}, .after = std::move(before), .left = {}};
    for (int round = 0; round < kRounds; ++round) {
      const std::shared_ptr<const Study> kept = out.after;
      const Study& now = *kept;
      std::vector<Excess> todo = now.excesses;
      if (todo.empty() && now.first_bad()) todo.push_back(excess_of(*now.first_bad(), now));
      todo.insert(todo.end(), now.losses.begin(), now.losses.end());
      if (todo.empty()) break;
      const auto graphs = now.plain->graphs();
      const ScaleClasses classes(graphs);
      bool changed = shift_classes(classes, todo, now);
      for (const Excess& e : todo) {
        if (e.where == Excess::Where::Inside)
          changed = add_rule(e, {std::nullopt, std::nullopt, DType::F32}, e.op, out) || changed;
        else if (is_worth_f32(e) &&
                 !std::ranges::any_of(classes_of(classes, e), [&](const ScaleClass* c) { return moved_.contains(c); }))
          changed = (e.where == Excess::Where::Weight ? add_rule(e, {std::nullopt, DType::F32}, e.op, out)
                                                      : add_island(e, graphs, out)) ||
                    changed;
      }
      if (!changed) break;
      out.rescales = as_rules(classes.all_sources());
      out.request = request_;
      out.request.rescales.insert(out.request.rescales.end(), out.rescales.begin(), out.rescales.end());
      out.request.rules.insert(out.request.rules.end(), out.rules.begin(), out.rules.end());
      out.after = study(subject_, out.request, options_, progress_, stop_);
    }
    for (const Excess& e : out.after->excesses) out.left.push_back(e.name);
    for (const Excess& e : out.after->losses)
      if (is_worth_f32(e)) out.left.push_back(e.name);
    if (out.left.empty() && out.after->first_bad()) out.left.push_back(out.after->first_bad()->name());
    return out;
  }

 private:
  struct Shift {
    int log2 = 0;
    std::string why;
  };

  static bool is_worth_f32(const Excess& e) { return e.loss == 0 || e.loss > kCostlyLoss; }

  // What went wrong where nothing was foreseen: rounding alone has carried it over the edge.
  static Excess excess_of(const FirstBad& bad, const Study& now) {
    const ValueRange* range = now.plain->find(bad.name());
    if (range != nullptr)
      for (const ValueRange& piece : now.plain->values())  // of a result that is cut the largest piece
        if (piece.name().starts_with(range->name() + '[') && piece.largest == range->largest) range = &piece;
    Excess e{.where = bad.inside || range == nullptr ? Excess::Where::Inside : Excess::Where::Stored,
             .name = range == nullptr || bad.inside ? bad.name() : range->name(),
             .format = bad.format,
             .when = bad.when};
    if (range != nullptr && !bad.inside) {
      e.op = range->op;
      e.largest = range->largest;
    }
    return e;
  }

  // Those that the excess is a matter of: of a value its own, of a weight those on both sides of its op.
  static std::vector<const ScaleClass*> classes_of(const ScaleClasses& classes, const Excess& e) {
    if (e.where == Excess::Where::Inside) return {};
    if (e.where != Excess::Where::Weight) return {&classes.of(e.name)};
    std::vector<const ScaleClass*> out;
    for (const ScaleClass& c : classes.all())
      if (c.weights.contains(e.weight)) out.push_back(&c);
    return out;
  }

  // Moves the classes that these excesses are a matter of to the scales at which all that hangs on them loses least,
  // the one that gains most first: a weight between two of them goes with both. False when none is better elsewhere.
  bool shift_classes(const ScaleClasses& classes, const std::vector<Excess>& todo, const Study& now) {
    moved_.clear();
    std::map<const ScaleClass*, const Excess*> asked;  // and for which excess first
    std::vector<const ScaleClass*> order;
    for (const Excess& e : todo)
      for (const ScaleClass* c : classes_of(classes, e))
        if (asked.emplace(c, &e).second) order.push_back(c);
    Moves moves;
    for (const WeightRange& w : now.asked->weights())
      moves.weights[WeightRange::key(w.part, w.weight, w.begin, w.end)] = {&w, 0};
    for (size_t count = 0; count < 3 * order.size(); ++count) {
      const ScaleClass* first = nullptr;
      Move most;
      for (const ScaleClass* c : order)
        if (const Move m = best_move(*c, *asked.at(c), *now.plain, moves); m.gain > most.gain) {
          most = m;
          first = c;
        }
      if (first == nullptr) break;
      moves.by[first] += most.log2;
      for (const auto& [weight, sign] : first->weights)
        if (const auto w = moves.weights.find(weight); w != moves.weights.end()) w->second.log2 += sign * most.log2;
    }
    for (const ScaleClass* c : order) {
      const int by = moves.by[c];
      if (by == 0) continue;
      moved_.insert(c);
      for (const std::string& source : c->sources) {
        const int log2 = log2_of(source) + by;
        shifts_[source] = {log2, why(*asked.at(c))};
      }
    }
    return !moved_.empty();
  }

  struct ScaledRange {
    const WeightRange* range = nullptr;
    int log2 = 0;  // what the moves so far have made of it
  };
  struct Moves {
    std::map<const ScaleClass*, int> by;
    std::map<std::string, ScaledRange> weights;  // by WeightRange::key
  };
  struct Move {
    int log2 = 0;
    double gain = 0;
  };

  // By how many bits to move a class further; 0 where it loses nothing to speak of, or would elsewhere, too.
  Move best_move(const ScaleClass& c, const Excess& e, const RangeTrace& plain, Moves& moves) const {
    if (c.sources.empty() || must_stay(c, e.format, plain)) return {};
    std::vector<const ValueRange*> values;
    for (const std::string& member : c.members)
      if (const ValueRange* range = plain.find(member); range != nullptr && range->largest > 0) values.push_back(range);
    std::vector<std::pair<ScaledRange, int>> tied;  // weights, and whether they grow with the class
    for (const auto& [key, sign] : c.weights)
      if (const auto w = moves.weights.find(key); w != moves.weights.end()) tied.emplace_back(w->second, sign);

    const int moved = moves.by[&c];
    const auto cost_of = [](const MagnitudeSpread& spread, double largest, double limit, DType format, int log2,
                            double beyond) {
      if (std::ldexp(largest, log2) > limit) return beyond;
      const double loss = format == DType::F16 ? spread.loss(log2) : 0;
      return loss * loss;
    };
    const auto cost = [&](int more) {
      double sum = 0;
      const int headroom = moved + more == 0 && e.loss > 0 ? 0 : kHeadroomBits;  // it may stay where it is
      for (const ValueRange* v : values)
        sum += cost_of(v->spread, v->largest, std::ldexp(largest_of(e.format), -headroom), e.format, moved + more,
                       kBeyond);
      for (const auto& [w, sign] : tied)
        sum += cost_of(w.range->spread, w.range->largest, largest_of(w.range->format), w.range->format,
                       w.log2 + sign * more, kWeightBeyond);
      return sum;
    };
    const auto is_allowed = [&](int more) {
      return std::ranges::all_of(c.sources, [&](const std::string& source) {
        return std::abs(log2_of(source) + moved + more) <= kMaxRescale;
      });
    };
    const double here = cost(0);
    std::map<int, double> costs;
    double least = here;
    for (int more = -2 * kMaxRescale; more <= 2 * kMaxRescale; ++more)
      if (is_allowed(more)) least = std::min(least, costs[more] = cost(more));
    if (here < kNoticedLoss * kNoticedLoss || here <= 2 * least) return {};
    Move best;
    for (const auto& [more, there] : costs)
      if (there <= 1.25 * least + kNothing && (best.gain == 0 || std::abs(more) < std::abs(best.log2)))
        best = {more, here - there};
    return best;
  }

  // Whether something reads a value of it that must be true and cannot be kept so.
  static bool must_stay(const ScaleClass& c, DType format, const RangeTrace& plain) {
    return std::ranges::any_of(c.must_be_true, [&](const std::string& name) {
      const ValueRange* range = plain.find(name);
      return range != nullptr &&
             (range->largest > largest_of(format) || (format == DType::F16 && range->loss > kCostlyLoss));
    });
  }

  int log2_of(const std::string& source) const {
    const auto it = shifts_.find(source);
    return it == shifts_.end() ? asked_log2(request_.rescales, std::span(&source, 1)) : it->second.log2;
  }

  static std::string why(const Excess& e) {
    const std::string what = e.where == Excess::Where::Inside   ? fmt::format("{} of {}", to_string(e.kind), e.name)
                             : e.where == Excess::Where::Weight ? "the weight of " + e.name
                                                                : e.name;
    if (e.loss > 0)
      return fmt::format("{} reaches {:.6g}, and underflow of {} takes {:.2g} of it", what, e.largest,
                         to_string(e.format), e.loss);
    if (e.largest > largest_of(e.format))
      return fmt::format("{} reaches {:.6g}, {} ends at {:.6g}", what, e.largest, to_string(e.format),
                         largest_of(e.format));
    if (e.largest == 0)  // of what happened inside of an op only the run itself tells
      return fmt::format("{} is not finite in {}", e.name, to_string(e.format));
    return fmt::format("{} is not finite in {}, in f32 it reaches {:.6g}", what, to_string(e.format), e.largest);
  }

  // The shifts, with one glob for many layers where all that it names are shifted alike.
  std::vector<Rescale> as_rules(const std::set<std::string>& all_sources) const {
    std::vector<Rescale> out;
    std::set<std::string> done;
    for (const auto& [source, shift] : shifts_) {
      if (shift.log2 == asked_log2(request_.rescales, std::span(&source, 1))) continue;  // back where it was
      const std::string glob = request_.rescales.empty() ? with_stars(source) : source;
      const bool alike = std::ranges::all_of(all_sources, [&, log2 = shift.log2](const std::string& other) {
        return !glob_matches(glob, other) || log2_of(other) == log2;
      });
      const std::string& path = alike ? glob : source;
      if (done.insert(path).second) out.push_back({.path_glob = path, .log2 = shift.log2, .origin = shift.why});
    }
    return out;
  }

  // The rule of this path and op, changed further; false when it says so already.
  static bool add_rule(const std::string& name, const PrecisionChange& change, const std::string& op,
                       const std::string& why, Cure& out) {
    const std::string path = name.substr(0, name.find_first_of(":["));  // of a piece: of the whole
    auto rule =
        std::ranges::find_if(out.rules, [&](const PrecisionRule& r) { return r.path_glob == path && r.op == op; });
    if (rule == out.rules.end())
      rule = out.rules.insert(out.rules.end(), PrecisionRule{.path_glob = path, .op = op, .origin = why});
    const PrecisionChange before = rule->change;
    if (change.storage) rule->change.storage = change.storage;
    if (change.compute) rule->change.compute = change.compute;
    if (change.accumulate) rule->change.accumulate = change.accumulate;
    return !(before == rule->change);
  }
  static bool add_rule(const Excess& e, const PrecisionChange& change, const std::string& op, Cure& out) {
    return add_rule(e.name, change, op, why(e), out);
  }

  // The value in f32, and the matrices that read it.
  static bool add_island(const Excess& e, std::span<const TracedGraph* const> graphs, Cure& out) {
    bool changed = false;
    const auto widen = [&](const TracedGraph& traced, int id, const PrecisionChange& change) {
      changed = add_rule(traced.name(id), change, std::string(traced.graph.node(id).op->name), why(e), out) || changed;
    };
    for (const TracedGraph* traced : graphs) {
      const Graph& graph = traced->graph;
      const auto pieces = result_pieces(graph);
      for (int id = 0; id < graph.size(); ++id) {
        std::set<int> same;  // the value, and what moves it on
        for (const ResultPiece& piece : pieces[static_cast<size_t>(id)])
          if (traced->piece_name(piece) == e.name) same.insert(piece.slice);
        if (!graph.node(id).paths.empty() && traced->name(id) == e.name) same.insert(id);
        if (same.empty()) continue;
        if (!is_source(graph.node(id))) widen(*traced, id, {DType::F32});
        for (int reader = id + 1; reader < graph.size(); ++reader) {
          const Node& node = graph.node(reader);
          if (std::ranges::none_of(node.inputs, [&](int in) { return same.contains(in); })) continue;
          const NumericClass kind = node.op->numeric_class;
          if (kind == NumericClass::Movement) same.insert(reader);
          if (kind == NumericClass::Matmul || kind == NumericClass::Convolution || kind == NumericClass::Attention)
            widen(*traced, reader, {std::nullopt, DType::F32});
        }
      }
    }
    return changed;
  }

  Subject& subject_;
  PrecisionRequest request_;
  StudyOptions options_;
  RunObserver& progress_;
  StopToken stop_;
  std::map<std::string, Shift> shifts_;
  std::set<const ScaleClass*> moved_;  // in this round
};

}  // namespace

Cure cure(Subject& subject, const PrecisionRequest& request, std::shared_ptr<const Study> before,
          const StudyOptions& options, RunObserver& progress, StopToken stop) {
  return Curer(subject, request, options, progress, stop).run(std::move(before));
}

}  // namespace newbie
