#include "generate/wide_weights.h"

#include <algorithm>

namespace newbie {

namespace {

WideStage wide_stage(const Network& network, std::span<const Program* const> wide, const StagePlan& stage,
                     StreamedWeights streamed) {
  const WeightBank::Plan more = network.plan(wide, streamed);
  const Network::Window window = network.window(wide, streamed);
  WideStage out{.streamed = std::move(streamed), .plan = stage};
  StagePlan& p = out.plan;
  p.retry = true;
  for (const Program* program : wide) {
    p.arena_bytes = std::max(p.arena_bytes, program->memory().arena_bytes);
    p.scratch_bytes = std::max(p.scratch_bytes, program->memory().scratch_bytes);
  }
  if (more.peak_bytes != 0) {
    const size_t there = p.weights_bytes + p.arena_bytes + p.buffer_bytes;
    const size_t resident = std::max(p.loading_peak_bytes + p.loading_file_bytes, there + more.resident_peak_bytes);
    p.loading_peak_bytes = std::max(p.loading_peak_bytes, there + more.peak_bytes);
    p.loading_file_bytes = resident - p.loading_peak_bytes;
  }
  p.weights_bytes += more.kept.bytes;
  p.page_bytes += more.kept.page_bytes;
  p.window_bytes = window.bytes;
  p.running_file_bytes = window.mapped_bytes;
  return out;
}

}  // namespace

WideStage least_wide_stage(const Network& network, std::span<const Program* const> wide, const StagePlan& stage) {
  return wide_stage(network, wide, stage, network.choose_streamed(wide, wide, 0));
}

WideStage widest_stage_within(const Network& network, std::span<const Program* const> wide, const StagePlan& stage,
                              size_t limit) {
  WideStage out = wide_stage(network, wide, stage, {});
  size_t allowed = network.plan(wide).kept.all();  // weights and window together
  while (out.plan.resident_peak_bytes() > limit) {
    const size_t over = out.plan.resident_peak_bytes() - limit;
    const bool least = allowed == 0;
    allowed -= std::min(allowed, over);
    out = wide_stage(network, wide, stage, network.choose_streamed(wide, wide, allowed));
    if (least) break;
  }
  return out;
}

}  // namespace newbie
