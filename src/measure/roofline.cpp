#include "measure/roofline.h"

#include <algorithm>
#include <map>

namespace newbie {

namespace {

double bytes_of(const LoweredGraph& graph, const LoweredGraph::Operand& operand) {
  if (operand.at.place != LoweredGraph::Place::Weight) return static_cast<double>(operand.spec.bytes());
  const WeightUse& use = graph.weights[operand.at.index];
  return static_cast<double>(use.layout.bytes != 0 ? use.layout.bytes : use.spec.bytes());
}

void add(RooflineRow& to, const RooflineRow& more) {
  to.steps += more.steps;
  to.flop += more.flop;
  to.bytes += more.bytes;
  to.seconds += more.seconds;
  to.bound_by_memory += more.bound_by_memory;
}

}  // namespace

std::vector<RooflineRow> roofline(const LoweredGraph& graph, const CardRates& rates) {
  std::map<std::string, RooflineRow> by_op;
  for (const LoweredGraph::Step& step : graph.steps) {
    if (step.kernel->name().starts_with("host.")) continue;
    RooflineRow one{.op = step.info.op, .steps = 1, .flop = step.info.flop};
    for (const LoweredGraph::Operand& in : step.inputs) one.bytes += bytes_of(graph, in);
    one.bytes += bytes_of(graph, step.output);
    const double computing = one.flop / rates.flop_per_second, moving = one.bytes / rates.bytes_per_second;
    one.seconds = std::max(computing, moving);
    one.bound_by_memory = moving > computing ? moving : 0;
    RooflineRow& row = by_op[one.op];
    row.op = one.op;
    add(row, one);
  }
  std::vector<RooflineRow> out;
  for (auto& [op, row] : by_op) out.push_back(std::move(row));
  std::ranges::sort(out, std::greater(), &RooflineRow::seconds);
  return out;
}

RooflineRow sum_of(const std::vector<RooflineRow>& rows) {
  RooflineRow out{.op = "all"};
  for (const RooflineRow& row : rows) add(out, row);
  return out;
}

}  // namespace newbie
