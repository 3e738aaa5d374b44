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
    std::set<std::string> all_sources;
    for (int round = 0; round < kRounds; ++round) {
      const std::shared_ptr<const Study> kept = out.after;
      const Study& now = *kept;
      std::vector<Excess> todo = now.excesses;
      if (todo.empty() && now.first_bad()) todo.push_back(excess_of(*now.first_bad(), now));
      if (todo.empty()) break;
      const auto graphs = now.plain->graphs();
      const ScaleClasses classes(graphs);
      all_sources = classes.all_sources();
      bool changed = false;
      std::map<const ScaleClass*, const Excess*> worst;
      for (const Excess& e : todo) {
        if (e.where == Excess::Where::Inside) {
          changed = add_rule(e, {std::nullopt, std::nullopt, DType::F32}, e.op, out) || changed;
          continue;
        }
        const ScaleClass& c = classes.of(e.name);
        if (can_shrink(c, e, *now.plain)) {
          const Excess*& most = worst[&c];
          if (most == nullptr || e.largest / largest_of(e.format) > most->largest / largest_of(most->format)) most = &e;
        } else {
          changed = add_island(e, graphs, out) || changed;
        }
      }
      for (const auto& [c, e] : worst) shrink(*c, *e);
      if (!changed && worst.empty()) break;
      out.rescales = as_rules(all_sources);
      out.request = request_;
      out.request.rescales.insert(out.request.rescales.end(), out.rescales.begin(), out.rescales.end());
      out.request.rules.insert(out.request.rules.end(), out.rules.begin(), out.rules.end());
      out.after = study(subject_, out.request, options_, progress_, stop_);
    }
    for (const Excess& e : out.after->excesses) out.left.push_back(e.name);
    if (out.left.empty() && out.after->first_bad()) out.left.push_back(out.after->first_bad()->name());
    return out;
  }

 private:
  struct Shift {
    int log2 = 0;
    std::string why;
  };

  // What went wrong where nothing was foreseen: rounding alone has carried it over the edge.
  static Excess excess_of(const FirstBad& bad, const Study& now) {
    const ValueRange* range = now.plain->find(bad.name());
    Excess e{.where = bad.inside || range == nullptr ? Excess::Where::Inside : Excess::Where::Stored,
             .name = bad.name(),
             .largest = 2 * largest_of(bad.format),
             .format = bad.format,
             .when = bad.when};
    if (range != nullptr && !bad.inside) e.op = range->op;
    return e;
  }

  // Whether weights can make this class as small as `e` wants it, nothing reads too large a value of it that must be
  // true, and it was not tried before.
  bool can_shrink(const ScaleClass& c, const Excess& e, const RangeTrace& plain) const {
    if (c.sources.empty() || tried_.contains(e.name)) return false;
    const bool has_room = std::ranges::all_of(
        c.sources, [&](const std::string& source) { return std::abs(shift_for(e) + log2_of(source)) <= kMaxRescale; });
    return has_room && std::ranges::none_of(c.must_be_true, [&](const std::string& name) {
             const ValueRange* range = plain.find(name);
             return range != nullptr && range->largest > largest_of(e.format);
           });
  }

  static int shift_for(const Excess& e) {
    return static_cast<int>(std::floor(headroom_bits(e.largest, e.format))) - kHeadroomBits;
  }

  int log2_of(const std::string& source) const {
    const auto it = shifts_.find(source);
    return it == shifts_.end() ? asked_log2(request_.rescales, std::span(&source, 1)) : it->second.log2;
  }

  void shrink(const ScaleClass& c, const Excess& e) {
    tried_.insert(e.name);
    for (const std::string& source : c.sources) {
      const int log2 = log2_of(source) + shift_for(e);
      Shift& shift = shifts_[source];
      shift.log2 = log2;
      shift.why = fmt::format("{} reaches {:.6g}, {} ends at {:.6g}", e.name, e.largest, to_string(e.format),
                              largest_of(e.format));
    }
  }

  // The shifts, with one glob for many layers where all that it names are shifted alike.
  std::vector<Rescale> as_rules(const std::set<std::string>& all_sources) const {
    std::vector<Rescale> out;
    std::set<std::string> done;
    for (const auto& [source, shift] : shifts_) {
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
    const std::string path = name.substr(0, name.find(':'));
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
    return add_rule(e.name, change, op,
                    fmt::format("{} {:.6g}, {} ends at {:.6g}", to_string(e.kind), e.largest, to_string(e.format),
                                largest_of(e.format)),
                    out);
  }

  // The value in f32, and the matrices that read it.
  static bool add_island(const Excess& e, std::span<const TracedGraph* const> graphs, Cure& out) {
    const std::string why = fmt::format("{} reaches {:.6g}, {} ends at {:.6g}", e.name, e.largest, to_string(e.format),
                                        largest_of(e.format));
    bool changed = false;
    for (const TracedGraph* traced : graphs) {
      const Graph& graph = traced->graph;
      for (int id = 0; id < graph.size(); ++id) {
        if (graph.node(id).paths.empty() || traced->name(id) != e.name) continue;
        if (!is_source(graph.node(id)))
          changed = add_rule(e.name, {DType::F32}, std::string(graph.node(id).op->name), why, out) || changed;
        std::set<int> same{id};  // it, and what moves it on
        for (int reader = id + 1; reader < graph.size(); ++reader) {
          const Node& node = graph.node(reader);
          if (std::ranges::none_of(node.inputs, [&](int in) { return same.contains(in); })) continue;
          const NumericClass kind = node.op->numeric_class;
          if (kind == NumericClass::Movement) same.insert(reader);
          if (kind == NumericClass::Matmul || kind == NumericClass::Convolution || kind == NumericClass::Attention)
            changed =
                add_rule(traced->name(reader), {std::nullopt, DType::F32}, std::string(node.op->name), why, out) ||
                changed;
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
  std::set<std::string> tried_;  // values whose class was made smaller for them
};

}  // namespace

Cure cure(Subject& subject, const PrecisionRequest& request, std::shared_ptr<const Study> before,
          const StudyOptions& options, RunObserver& progress, StopToken stop) {
  return Curer(subject, request, options, progress, stop).run(std::move(before));
}

}  // namespace newbie
