// Lowering: liveness and arena offsets, one kernel per node (equal requests share one), weight operands by name.
#include "backend/program.h"

#include <algorithm>
#include <cstring>

#include "backend/memory_planner.h"
#include "graph/cost.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

enum class Place { Arena, Input, Weight, Constant };

// Where a value's bytes are: `index` counts blocks, inputs, weight uses or constants.
struct Location {
  Place place = Place::Arena;
  size_t index = 0;
  size_t offset = 0;  // bytes into that place (views)
};

struct Operand {
  Location at;
  TensorSpec spec;
};

struct Step {
  std::shared_ptr<Kernel> kernel;
  std::vector<Operand> inputs;
  Operand output;
  size_t scratch_block = 0;
  bool has_scratch = false;
  std::vector<std::string> paths;
  StepInfo info;
  // Views of this step's result that have names of their own.
  std::vector<std::pair<std::string, Operand>> named_views;
};

std::string kernel_key(const KernelRequest& r) {
  std::string key = fmt::format("{}|{}|{}{}{}", r.op->name, r.attrs.str(), static_cast<int>(r.precision.storage),
                                static_cast<int>(r.precision.compute), static_cast<int>(r.precision.accumulate));
  for (const auto& s : r.inputs) key += '|' + s.shape.str() + std::string(to_string(s.dtype));
  return key + '>' + r.output.shape.str() + std::string(to_string(r.output.dtype));
}

}  // namespace

struct Program::Impl {
  struct Input {
    std::string name;
    TensorSpec spec;
  };
  struct Output {
    std::string name;
    Operand value;
  };

  std::vector<Step> steps;
  std::vector<ArenaBlock> blocks;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<WeightUse> weights;
  std::vector<std::shared_ptr<const std::vector<float>>> constants;
  MemoryReport memory;

  void lower(const Graph& graph, const Backend& backend, int threads);
};

void Program::Impl::lower(const Graph& graph, const Backend& backend, int threads) {
  auto& g = const_cast<Graph&>(graph);  // Value is a handle for reading here
  std::vector<Location> location(static_cast<size_t>(graph.size()));
  std::vector<int> made_by(static_cast<size_t>(graph.size()), -1);  // step that writes the bytes behind a value
  std::map<std::string, std::shared_ptr<Kernel>> shared;
  std::map<std::string, size_t> weight_rows;
  std::vector<int> last_use(static_cast<size_t>(graph.size()), -1);  // by node, over its whole chain of views

  // Root of a chain of views: whose bytes a value really has.
  std::vector<int> root(static_cast<size_t>(graph.size()));
  for (int id = 0; id < graph.size(); ++id)
    root[static_cast<size_t>(id)] = graph.node(id).op->view ? root[static_cast<size_t>(graph.node(id).inputs[0])] : id;
  for (int id = 0; id < graph.size(); ++id)
    for (int in : graph.node(id).inputs) last_use[static_cast<size_t>(root[static_cast<size_t>(in)])] = id;
  for (const auto& o : graph.outputs()) last_use[static_cast<size_t>(root[static_cast<size_t>(o.id)])] = graph.size();

  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    Location& here = location[static_cast<size_t>(id)];
    if (n.op == &input_op) {
      here = {Place::Input, inputs.size(), 0};
      inputs.push_back({n.paths.front(), n.spec()});
      continue;
    }
    if (n.op == &constant_op) {
      here = {Place::Constant, constants.size(), 0};
      constants.push_back(n.constant);
      memory.constant_bytes += n.spec().bytes();
      continue;
    }
    if (n.op == &weight_op) continue;  // operands of a kernel, one row per wanted layout
    if (n.op->view) {
      const int in = n.inputs[0];
      const Node& source = graph.node(in);
      if (source.op == &weight_op) {  // a view of the row-major weight
        WeightUse use{source.paths.front(), source.spec(), {}};
        const auto [row, fresh] = weight_rows.emplace(use.key(), weights.size());
        if (fresh) weights.push_back(std::move(use));
        weights[row->second].by_rows = false;
        location[static_cast<size_t>(in)] = {Place::Weight, row->second, 0};
      }
      here = location[static_cast<size_t>(in)];
      const Value base = g.value(in);
      if (n.op->view_offset != nullptr)
        here.offset += n.op->view_offset(std::span(&base, 1), n.attrs) * size_of(n.spec().dtype);
      made_by[static_cast<size_t>(id)] = made_by[static_cast<size_t>(in)];
      if (made_by[static_cast<size_t>(id)] >= 0)
        for (const auto& path : n.paths)
          steps[static_cast<size_t>(made_by[static_cast<size_t>(id)])].named_views.push_back({path, {here, n.spec()}});
      continue;
    }

    KernelRequest request{
        .op = n.op, .attrs = n.attrs, .output = n.spec(), .precision = n.precision, .threads = threads};
    for (int in : n.inputs) request.inputs.push_back(graph.node(in).spec());
    auto& kernel = shared[kernel_key(request)];
    if (!kernel) {
      std::string why = "no kernel";
      kernel = backend.make_kernel(request, &why);
      if (!kernel)
        fail(ErrorKind::Unsupported, "{}: backend {} cannot run {} {}: {}", n.paths.empty() ? "?" : n.paths.front(),
             backend.name(), n.op->name, n.shape.str(), why);
    }

    Step step{.kernel = kernel,
              .paths = n.paths,
              .info = {.path = n.paths.empty() ? "" : n.paths.front(),
                       .op = std::string(n.op->name),
                       .kernel = kernel->name(),
                       .output = n.spec(),
                       .flop = floating_operations(graph, id)}};
    const int this_step = static_cast<int>(steps.size());
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const int in = n.inputs[i];
      const Node& source = graph.node(in);
      Operand operand{location[static_cast<size_t>(in)], source.spec()};
      if (source.op == &weight_op) {
        const bool by_rows = n.op->row_table == i;
        WeightUse use{source.paths.front(), source.spec(), kernel->weight_layout(i), by_rows};
        const auto [row, fresh] = weight_rows.emplace(use.key(), weights.size());
        if (fresh) weights.push_back(std::move(use));
        if (!by_rows) weights[row->second].by_rows = false;
        operand.at = {Place::Weight, row->second, 0};
      }
      step.inputs.push_back(operand);
    }

    // The output takes over an input's block where the kernel allows it and this is that block's last reader.
    here = {Place::Arena, blocks.size(), 0};
    const auto candidate = kernel->in_place_input();
    bool in_place = false;
    if (candidate) {
      const int in = n.inputs[*candidate];
      const Operand& operand = step.inputs[*candidate];
      const auto r = static_cast<size_t>(root[static_cast<size_t>(in)]);
      // Another operand may be a view of the same bytes: it would be read after they are overwritten.
      const auto readers = std::ranges::count_if(
          step.inputs, [&](const Operand& o) { return o.at.place == Place::Arena && o.at.index == operand.at.index; });
      in_place = operand.at.place == Place::Arena && operand.at.offset == 0 && last_use[r] == id && readers == 1 &&
                 operand.spec.bytes() == n.spec().bytes() && blocks[operand.at.index].bytes == n.spec().bytes();
      if (in_place) here = operand.at;
    }
    if (!in_place) blocks.push_back({n.spec().bytes(), this_step, this_step, 0});
    for (const Operand& operand : step.inputs)
      if (operand.at.place == Place::Arena) blocks[operand.at.index].last_step = this_step;
    blocks[here.index].last_step = this_step;

    if (const size_t scratch = kernel->scratch_bytes(); scratch != 0) {
      step.has_scratch = true;
      step.scratch_block = blocks.size();
      blocks.push_back({scratch, this_step, this_step, 0});
      memory.scratch_bytes = std::max(memory.scratch_bytes, scratch);
    }
    step.output = {here, n.spec()};
    made_by[static_cast<size_t>(id)] = this_step;
    steps.push_back(std::move(step));
  }

  for (const auto& o : graph.outputs()) {
    const Node& n = graph.node(o.id);
    const Location at = location[static_cast<size_t>(o.id)];
    if (n.op == &weight_op) fail(ErrorKind::Internal, "output {} is a weight", o.name);
    if (at.place == Place::Arena) blocks[at.index].last_step = static_cast<int>(steps.size());
    if (at.place == Place::Weight) fail(ErrorKind::Internal, "output {} is a view of a weight", o.name);
    outputs.push_back({o.name, {at, n.spec()}});
  }
  memory.arena_bytes = plan_arena(blocks);
}

Program::Program(const Graph& graph, const Backend& backend, int threads) : impl_(std::make_unique<Impl>()) {
  impl_->lower(graph, backend, threads);
}
Program::~Program() = default;
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;

const MemoryReport& Program::memory() const { return impl_->memory; }
const std::vector<WeightUse>& Program::weights() const { return impl_->weights; }
size_t Program::window_bytes(const WeightBank& bank) const {
  size_t out = 0;
  for (const Step& step : impl_->steps) {
    size_t here = 0;
    for (const Operand& in : step.inputs)
      if (in.at.place == Place::Weight)
        if (const WeightUse& use = impl_->weights[in.at.index]; bank.streams(use))
          here = checked_add(here, bank.window_bytes(use));
    out = std::max(out, here);
  }
  return out;
}

Program::Streaming Program::streaming(const WeightBank& bank) const {
  Streaming out;
  for (const Step& step : impl_->steps) {
    size_t packed = 0;  // held until the step is over
    for (const Operand& in : step.inputs)
      if (in.at.place == Place::Weight)
        if (const WeightUse& use = impl_->weights[in.at.index]; bank.streams(use)) {
          const size_t bytes = bank.stored_bytes(use);
          // Pages of what is prepared are given back before the next is read.
          out.mapped_bytes = std::max(out.mapped_bytes, checked_add(packed, bytes));
          if (bank.lies_packed(use)) packed += bytes;
          out.read_bytes = checked_add(out.read_bytes, bytes);
        }
  }
  return out;
}

size_t Program::steps() const { return impl_->steps.size(); }
double Program::flop() const {
  double total = 0;
  for (const Step& step : impl_->steps) total += step.info.flop;
  return total;
}

size_t Program::used_arena_bytes() const {
  size_t used = 0;
  for (const ArenaBlock& b : impl_->blocks) used = std::max(used, b.offset + round_up(b.bytes, 64));
  return used;
}

void Program::run(ExecutionContext& context, const WeightBank& bank, const Bindings& bindings,
                  Observer* observer) const {
  std::vector<const std::byte*> inputs, weights;
  for (const auto& input : impl_->inputs) {
    const auto it = bindings.inputs.find(input.name);
    if (it == bindings.inputs.end()) fail(ErrorKind::InvalidRequest, "input {} is not bound", input.name);
    if (!(it->second.spec == input.spec))
      fail(ErrorKind::InvalidRequest, "input {}: expected {} {}, got {} {}", input.name, to_string(input.spec.dtype),
           input.spec.shape.str(), to_string(it->second.spec.dtype), it->second.spec.shape.str());
    inputs.push_back(it->second.data);
  }
  for (const WeightUse& use : impl_->weights) {
    weights.push_back(bank.find(use));
    if (weights.back() == nullptr && !bank.streams(use))
      fail(ErrorKind::Internal, "weight {} was not prepared", use.name);
  }

  const auto address = [&](const Location& at) -> const std::byte* {
    switch (at.place) {
      case Place::Arena: return context.arena + impl_->blocks[at.index].offset + at.offset;
      case Place::Input: return inputs[at.index] + at.offset;
      case Place::Weight: return weights[at.index] + at.offset;
      case Place::Constant: return reinterpret_cast<const std::byte*>(impl_->constants[at.index]->data()) + at.offset;
    }
    return nullptr;
  };

  std::vector<const WeightUse*> streamed;  // in the order they are read
  for (const Step& step : impl_->steps)
    for (const Operand& in : step.inputs)
      if (in.at.place == Place::Weight && weights[in.at.index] == nullptr)
        streamed.push_back(&impl_->weights[in.at.index]);
  size_t prepared = 0, released = 0;

  std::vector<ConstTensorView> operands;
  for (const Step& step : impl_->steps) {
    context.stop.throw_if_stopped();
    operands.clear();
    size_t in_window = 0;
    for (const Operand& in : step.inputs) {
      if (in.at.place == Place::Weight && weights[in.at.index] == nullptr) {
        const WeightUse& use = *streamed[prepared++];
        const std::byte* at = bank.prepare_in(use, context.window + in_window, context.threads);
        if (prepared < streamed.size()) bank.prefetch(*streamed[prepared]);
        in_window += bank.window_bytes(use);
        operands.emplace_back(in.spec, at + in.at.offset);
      } else {
        operands.emplace_back(in.spec, address(in.at));
      }
    }
    const TensorView out{step.output.spec, const_cast<std::byte*>(address(step.output.at))};
    std::byte* scratch = step.has_scratch ? context.arena + impl_->blocks[step.scratch_block].offset : nullptr;
    if (context.clock != nullptr) {
      const auto start = StepClock::Clock::now();
      step.kernel->run({operands, out, scratch, context.threads});
      context.clock->on_step(step.info, start, StepClock::Clock::now());
    } else {
      step.kernel->run({operands, out, scratch, context.threads});
    }
    while (released < prepared) bank.release(*streamed[released++]);
    if (context.value_fault != nullptr && *context.value_fault)
      for (const auto& path : step.paths) (*context.value_fault)(path, out);
    if (observer == nullptr) continue;
    for (const auto& path : step.paths) observer->on_value(path, out);
    for (const auto& [path, view] : step.named_views) observer->on_value(path, {view.spec, address(view.at)});
  }

  for (const auto& output : impl_->outputs) {
    const auto it = bindings.outputs.find(output.name);
    if (it == bindings.outputs.end()) continue;
    if (!(it->second.spec == output.value.spec))
      fail(ErrorKind::InvalidRequest, "output {}: it is {} {}, asked for as {} {}", output.name,
           to_string(output.value.spec.dtype), output.value.spec.shape.str(), to_string(it->second.spec.dtype),
           it->second.spec.shape.str());
    if (const size_t bytes = output.value.spec.bytes(); bytes != 0)
      std::memcpy(it->second.data, address(output.value.at), bytes);
  }
}

}  // namespace newbie
