#include "backend/bound_run.h"

#include <cstring>

#include "core/error.h"

namespace newbie {

namespace {

void require_spec(const char* what, const std::string& name, const TensorSpec& want, const TensorSpec& got) {
  if (!(got == want))
    fail(ErrorKind::InvalidRequest, "{} {}: expected {} {}, got {} {}", what, name, to_string(want.dtype),
         want.shape.str(), to_string(got.dtype), got.shape.str());
}

void require_space(const char* what, const std::string& name, const MemorySpace* got, const MemorySpace* run) {
  if (got != nullptr && !got->is_host() && got != run)
    fail(ErrorKind::InvalidRequest, "{} {} lies in another device's memory", what, name);
}

bool on_host(const MemorySpace* space) { return space == nullptr || space->is_host(); }

}  // namespace

BoundRun::BoundRun(const LoweredGraph& graph, const ExecutionContext& context, const WeightBank& bank,
                   const Bindings& bindings)
    : graph_(graph),
      context_(context),
      bindings_(bindings),
      device_(on_host(context.memory) ? nullptr : context.memory) {
  for (const LoweredGraph::Input& input : graph.inputs) {
    const auto it = bindings.inputs.find(input.name);
    if (it == bindings.inputs.end()) fail(ErrorKind::InvalidRequest, "input {} is not bound", input.name);
    const BoundInput& view = it->second;
    require_spec("input", input.name, input.spec, view.spec);
    require_space("input", input.name, view.space, device_);
    if (device_ != nullptr && on_host(view.space)) {
      uploads_.push_back(inputs_.size());
      inputs_.push_back(block_address(*input.block));
    } else {
      inputs_.push_back(view.data);
    }
  }
  for (const WeightUse& use : graph.weights) {
    weights_.push_back(bank.find(use));
    if (weights_.back() == nullptr && !bank.streams(use))
      fail(ErrorKind::Internal, "weight {} was not prepared", use.name);
  }
}

const std::byte* BoundRun::address(const LoweredGraph::Location& at) const {
  switch (at.place) {
    case LoweredGraph::Place::Arena: return arena_address(at);
    case LoweredGraph::Place::Input: return inputs_[at.index] + at.offset;
    case LoweredGraph::Place::Weight: return weights_[at.index] + at.offset;
    case LoweredGraph::Place::Constant: {
      const LoweredGraph::Constant& constant = graph_.constants[at.index];
      return (constant.block ? block_address(*constant.block) : constant.data()) + at.offset;
    }
  }
  return nullptr;
}

void BoundRun::fill_arena() const {
  for (const size_t index : uploads_) {
    const LoweredGraph::Input& input = graph_.inputs[index];
    device_->upload(bindings_.inputs.at(input.name).data, block_address(*input.block), input.spec.bytes());
  }
  for (const LoweredGraph::Constant& constant : graph_.constants)
    if (constant.block) fill(*constant.values, block_address(*constant.block));
}

// A rule writes into the arena; for a device by the way of a room of this size.
void BoundRun::fill(const Constant& values, std::byte* to) const {
  constexpr size_t kRoom = size_t{1} << 18;  // values
  if (device_ == nullptr) return values.fill(0, {reinterpret_cast<float*>(to), values.size()});
  if (values.data() != nullptr)
    return device_->upload(reinterpret_cast<const std::byte*>(values.data()), to, values.bytes());
  std::vector<float> room(std::min(kRoom, values.size()));
  for (size_t at = 0; at < values.size(); at += room.size()) {
    const std::span<float> some = std::span(room).first(std::min(room.size(), values.size() - at));
    values.fill(at, some);
    device_->upload(reinterpret_cast<const std::byte*>(some.data()), to + at * sizeof(float), some.size_bytes());
  }
}

void BoundRun::give_outputs() const {
  for (const LoweredGraph::Output& output : graph_.outputs) {
    const auto it = bindings_.outputs.find(output.name);
    if (it == bindings_.outputs.end()) continue;
    const BoundOutput& view = it->second;
    require_spec("output", output.name, output.value.spec, view.spec);
    require_space("output", output.name, view.space, device_);
    const std::byte* from = address(output.value.at);
    const size_t bytes = output.value.spec.bytes();
    if (bytes == 0) continue;
    if (device_ == nullptr)
      std::memcpy(view.data, from, bytes);
    else if (on_host(view.space))
      device_->download(from, view.data, bytes);
    else
      device_->copy(from, view.data, bytes);
  }
}

StreamedOperands::StreamedOperands(const LoweredGraph& graph, const BoundRun& bound, const WeightBank& bank,
                                   const ExecutionContext& context)
    : bank_(bank), context_(context) {
  for (const LoweredGraph::Step& step : graph.steps)
    for (const LoweredGraph::Operand& in : step.inputs)
      if (bound.is_streamed(in.at)) uses_.push_back(&graph.weights[in.at.index]);
}

const std::byte* StreamedOperands::next() {
  const WeightUse& use = *uses_[prepared_++];
  const std::byte* at = bank_.prepare_in(use, context_.window + in_window_, context_.staging, context_.threads);
  if (prepared_ < uses_.size()) bank_.prefetch(*uses_[prepared_]);
  in_window_ += bank_.window_bytes(use);
  return at;
}

void StreamedOperands::end_step() {
  while (released_ < prepared_) bank_.release(*uses_[released_++]);
}

}  // namespace newbie
