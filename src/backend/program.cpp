#include "backend/program.h"

#include <algorithm>

#include "backend/executor.h"
#include "backend/host_step.h"
#include "core/checked.h"

namespace newbie {

namespace {

// f(use) for every weight operand of `step` that `bank` streams.
template <typename F>
void for_streamed(const LoweredGraph& graph, const LoweredGraph::Step& step, const WeightBank& bank, const F& f) {
  for (const LoweredGraph::Operand& in : step.inputs)
    if (in.at.place == LoweredGraph::Place::Weight)
      if (const WeightUse& use = graph.weights[in.at.index]; bank.streams(use)) f(use);
}

}  // namespace

Program::Program(const Graph& graph, const Backend& backend, int threads)
    : graph_(std::make_unique<LoweredGraph>(lower(graph, backend, threads))), executor_(backend.make_executor()) {}
Program::~Program() = default;
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;

size_t Program::window_bytes(const WeightBank& bank) const {
  size_t out = 0;
  for (const LoweredGraph::Step& step : graph_->steps) {
    size_t here = 0;
    for_streamed(*graph_, step, bank, [&](const WeightUse& use) { here = checked_add(here, bank.window_bytes(use)); });
    out = std::max(out, here);
  }
  return out;
}

size_t Program::staging_bytes(const WeightBank& bank) const {
  size_t out = 0;  // of one weight after the other
  for (const LoweredGraph::Step& step : graph_->steps) {
    if (const auto* on_host = dynamic_cast<const HostStep*>(step.kernel.get()))
      out = std::max(out, on_host->host_bytes());
    for_streamed(*graph_, step, bank,
                 [&](const WeightUse& use) { out = std::max(out, bank.window_staging_bytes(use)); });
  }
  return out;
}

Program::Streaming Program::streaming(const WeightBank& bank) const {
  Streaming out;
  for (const LoweredGraph::Step& step : graph_->steps) {
    size_t held = 0;  // where they lie, until the step is over
    for_streamed(*graph_, step, bank, [&](const WeightUse& use) {
      const size_t bytes = bank.stored_bytes(use);
      // Pages of what is prepared are given back before the next is read.
      out.mapped_bytes = std::max(out.mapped_bytes, checked_add(held, bytes));
      if (!bank.needs_work(use)) held += bytes;
      out.read_bytes = checked_add(out.read_bytes, bytes);
    });
  }
  return out;
}

double Program::flop() const {
  double total = 0;
  for (const LoweredGraph::Step& step : graph_->steps) total += step.info.flop;
  return total;
}

size_t Program::used_arena_bytes() const {
  size_t used = 0;
  for (const ArenaBlock& b : graph_->blocks) used = std::max(used, b.offset + round_up(b.bytes, 64));
  return used;
}

void Program::run(ExecutionContext& context, const WeightBank& bank, const Bindings& bindings,
                  Observer* observer) const {
  executor_->run(*graph_, context, bank, bindings, observer);
}

}  // namespace newbie
