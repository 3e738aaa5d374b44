// RangeTrace: sees every value of a run and keeps how large each became, what was inside its ops, and what went wrong
// first.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compile/rescale.h"
#include "generate/network.h"
#include "overflow/absolute_sums.h"
#include "overflow/ranges.h"

namespace newbie {

// A graph that ran, with its precision decided.
struct TracedGraph {
  std::string part;
  Graph graph;
  int64_t runs = 0;

  // How rules name a value: "transformer.layers.0.feed_forward.w2"; a nameless one by its first named reader.
  std::string rule_path(int id) const;
  bool is_named(int id) const;  // by the model
  std::string name(int id) const { return part + '.' + graph.node(id).paths.front(); }
  std::string piece_name(const ResultPiece& piece) const;
};

// The first value of a run that left the range of its format.
struct FirstBad {
  std::string part, path, op;
  std::string what;     // "infinite values", "NaN", "sum of squares 123456"
  bool inside = false;  // nothing that is stored shows it
  DType format = DType::F32;
  Moment when;

  std::string name() const { return part + '.' + path; }
};

class RangeTrace final : public RunObserver {
 public:
  struct Options {
    std::string part;                 // this one alone; empty: all
    bool absolute_sums = false;       // Σ|a||b| of every product, which doubles the work
    bool weights = false;             // those that are narrower than f32, too
    bool narrow_alone = false;        // inside ops that accumulate in f32 nothing is looked at
    std::set<std::string> known_bad;  // names that are not finite in f32 either: not what is looked for
  };
  RangeTrace(int threads, Options options);
  ~RangeTrace() override;

  void at_prompt(int prompt) { prompt_ = prompt; }  // what runs next is of it

  const std::vector<ValueRange>& values() const { return values_; }  // in the order they were first seen
  const std::vector<InsideRange>& insides() const { return insides_; }
  std::vector<const TracedGraph*> graphs() const;  // those that ran
  const std::optional<FirstBad>& first_bad() const { return first_bad_; }

  const ValueRange* find(const std::string& name) const;                // null when it was not seen
  const std::vector<WeightRange>& weights() const { return weights_; }  // in the order of the graphs
  const InsideRange* find(const std::string& part, const std::string& operand, InsideKind kind, size_t width) const;

  Wants wants() const override { return {.values = Values::All, .graphs = true}; }
  void on_graph(std::string_view part, const Graph& graph, const Program& program,
                const WeightSource& weights) override;
  void on_run(const RunPlace& at, std::string_view part, const Program& program, const Bindings& bindings) override;
  void on_value(const RunPlace& at, std::string_view part, const std::string& path, ConstTensorView value) override;

 private:
  struct Kept;
  void see(int id, ConstTensorView value);
  void count(const std::string& name, const Node& made_by, std::span<const float> x, DType stored);
  void look_at_weights(std::string_view part, const Graph& graph, int id, const std::vector<ResultPiece>& pieces,
                       const WeightSource& weights);
  void look_inside(int reader, int id, std::span<const float> x);
  void look_at_products(int reader, int id, std::span<const float> x);  // of attention, once both operands are there
  void keep(int reader, InsideKind kind, double value, int operand, size_t width);

  ThreadPool pool_;
  Options options_;
  std::unique_ptr<AbsoluteSums> sums_;
  std::map<const void*, std::unique_ptr<Kept>> graphs_;  // by program
  Kept* running_ = nullptr;
  int prompt_ = 0;
  Moment now_;
  std::vector<ValueRange> values_;
  std::map<std::string, size_t> value_at_;
  std::vector<WeightRange> weights_;
  std::set<std::string> weights_seen_;
  std::vector<InsideRange> insides_;
  std::map<std::string, size_t> inside_at_;
  std::optional<FirstBad> first_bad_;
};

}  // namespace newbie
