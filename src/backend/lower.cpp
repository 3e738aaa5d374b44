// Lowering: liveness and arena offsets, one kernel per node (equal requests share one), weight operands by name.
#include <algorithm>
#include <map>

#include "backend/lowered_graph.h"
#include "graph/cost.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

using Place = LoweredGraph::Place;
using Location = LoweredGraph::Location;
using Operand = LoweredGraph::Operand;

std::string kernel_key(const KernelRequest& r) {
  std::string key = fmt::format("{}|{}|{}{}{}", r.op->name, r.attrs.str(), static_cast<int>(r.precision.storage),
                                static_cast<int>(r.precision.compute), static_cast<int>(r.precision.accumulate));
  for (const auto& s : r.inputs) key += '|' + s.shape.str() + std::string(to_string(s.dtype));
  return key + '>' + r.output.shape.str() + std::string(to_string(r.output.dtype));
}

class Lowering {
 public:
  Lowering(const Graph& graph, const Backend& backend, int threads)
      : graph_(graph),
        backend_(backend),
        threads_(threads),
        on_device_(!backend.uses_host_memory()),
        location_(size()),
        made_by_(size(), -1),
        root_(size()),
        last_use_(size(), -1) {
    for (int id = 0; id < graph.size(); ++id) root_[at(id)] = node(id).op->view ? root_[at(node(id).inputs[0])] : id;
    for (int id = 0; id < graph.size(); ++id)
      for (const int in : node(id).inputs) last_use_[at(root_[at(in)])] = id;
    for (const auto& o : graph.outputs()) last_use_[at(root_[at(o.id)])] = graph.size();
  }

  LoweredGraph run() {
    for (int id = 0; id < graph_.size(); ++id) {
      const Node& n = node(id);
      if (n.op == &input_op)
        add_input(id);
      else if (n.op == &constant_op)
        add_constant(id);
      else if (n.op == &weight_op)
        continue;  // operands of a kernel, one row per wanted layout
      else if (n.op->view)
        add_view(id);
      else
        add_step(id);
    }
    for (const auto& o : graph_.outputs()) add_output(o);
    out_.memory.arena_bytes = plan_arena(out_.blocks);
    return std::move(out_);
  }

 private:
  static size_t at(int id) { return static_cast<size_t>(id); }
  size_t size() const { return static_cast<size_t>(graph_.size()); }
  const Node& node(int id) const { return graph_.node(id); }
  int next_step() const { return static_cast<int>(out_.steps.size()); }

  size_t add_block(size_t bytes, int step) {
    out_.blocks.push_back({bytes, step, step, 0});
    return out_.blocks.size() - 1;
  }
  // A share of the arena that is filled before the first step.
  size_t add_filled_block(size_t bytes) { return add_block(bytes, 0); }

  void add_input(int id) {
    const TensorSpec spec = node(id).spec();
    location_[at(id)] = {Place::Input, out_.inputs.size(), 0};
    out_.inputs.push_back({node(id).paths.front(), spec, std::nullopt});
    if (on_device_) out_.inputs.back().block = add_filled_block(spec.bytes());
  }

  void add_constant(int id) {
    const Constant& values = *node(id).constant;
    const bool lies_there = values.data() != nullptr;
    location_[at(id)] = {Place::Constant, out_.constants.size(), 0};
    out_.constants.push_back({node(id).constant, std::nullopt});
    if (on_device_ || !lies_there) out_.constants.back().block = add_filled_block(values.bytes());
    if (lies_there) out_.memory.constant_bytes += values.bytes();
  }

  Location weight_operand(WeightUse use) {
    const bool by_rows = use.by_rows;
    const auto [row, fresh] = weight_rows_.emplace(use.key(), out_.weights.size());
    if (fresh) out_.weights.push_back(std::move(use));
    if (!by_rows) out_.weights[row->second].by_rows = false;
    return {Place::Weight, row->second, 0};
  }

  void add_view(int id) {
    const Node& n = node(id);
    const int in = n.inputs[0];
    const Node& source = node(in);
    if (source.op == &weight_op)  // a view of the row-major weight
      location_[at(in)] = weight_operand({source.paths.front(), source.spec(), {}});
    Location& here = location_[at(id)] = location_[at(in)];
    // A Value is a handle; this one only reads.
    const Value base = const_cast<Graph&>(graph_).value(in);
    if (n.op->view_offset != nullptr)
      here.offset += n.op->view_offset(std::span(&base, 1), n.attrs) * size_of(n.spec().dtype);
    const int maker = made_by_[at(id)] = made_by_[at(in)];
    if (maker < 0) return;
    for (const auto& path : n.paths) out_.steps[at(maker)].named_views.push_back({path, {here, n.spec()}});
  }

  std::shared_ptr<const Kernel> kernel_for(const Node& n) {
    KernelRequest request{
        .op = n.op, .attrs = n.attrs, .output = n.spec(), .precision = n.precision, .threads = threads_};
    for (const int in : n.inputs) request.inputs.push_back(node(in).spec());
    auto& kernel = kernels_[kernel_key(request)];
    if (kernel) return kernel;
    std::string why = "no kernel";
    kernel = backend_.make_kernel(request, &why);
    if (!kernel)
      fail(ErrorKind::Unsupported, "{}: backend {} cannot run {} {}: {}", n.paths.empty() ? "?" : n.paths.front(),
           backend_.name(), n.op->name, n.shape.str(), why);
    return kernel;
  }

  void add_step(int id) {
    const Node& n = node(id);
    LoweredGraph::Step step{.kernel = kernel_for(n), .paths = n.paths};
    step.info = {.path = n.paths.empty() ? "" : n.paths.front(),
                 .op = std::string(n.op->name),
                 .kernel = step.kernel->name(),
                 .output = n.spec(),
                 .flop = floating_operations(graph_, id)};
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const int in = n.inputs[i];
      const Node& source = node(in);
      Operand operand{location_[at(in)], source.spec()};
      if (source.op == &weight_op)
        operand.at =
            weight_operand({source.paths.front(), source.spec(), step.kernel->weight_layout(i), n.op->row_table == i});
      step.inputs.push_back(operand);
    }
    const int this_step = next_step();
    step.output = {output_location(id, step), n.spec()};
    for (const Operand& operand : step.inputs) use_until(operand.at, this_step);
    use_until(step.output.at, this_step);
    if (const size_t scratch = step.kernel->scratch_bytes(); scratch != 0) {
      step.scratch_block = add_block(scratch, this_step);
      out_.memory.scratch_bytes = std::max(out_.memory.scratch_bytes, scratch);
    }
    location_[at(id)] = step.output.at;
    made_by_[at(id)] = this_step;
    out_.steps.push_back(std::move(step));
  }

  // A new block, or an input's where the kernel allows it and this is that block's last reader.
  Location output_location(int id, const LoweredGraph::Step& step) {
    const size_t bytes = node(id).spec().bytes();
    if (const auto candidate = step.kernel->in_place_input()) {
      const Operand& operand = step.inputs[*candidate];
      const int root = root_[at(node(id).inputs[*candidate])];
      // Another operand may be a view of the same bytes: it would be read after they are overwritten.
      const auto readers = std::ranges::count_if(
          step.inputs, [&](const Operand& o) { return o.at.place == Place::Arena && o.at.index == operand.at.index; });
      if (operand.at.place == Place::Arena && operand.at.offset == 0 && last_use_[at(root)] == id && readers == 1 &&
          operand.spec.bytes() == bytes && out_.blocks[operand.at.index].bytes == bytes)
        return operand.at;
    }
    return {Place::Arena, add_block(bytes, next_step()), 0};
  }

  // The block behind a location is read or written at `step`.
  void use_until(const Location& location, int step) {
    std::optional<size_t> block;
    if (location.place == Place::Arena) block = location.index;
    if (location.place == Place::Input) block = out_.inputs[location.index].block;
    if (location.place == Place::Constant) block = out_.constants[location.index].block;
    if (block) out_.blocks[*block].last_step = step;
  }

  void add_output(const Graph::Output& output) {
    const Node& n = node(output.id);
    const Location here = location_[at(output.id)];
    if (n.op == &weight_op) fail(ErrorKind::Internal, "output {} is a weight", output.name);
    if (here.place == Place::Weight) fail(ErrorKind::Internal, "output {} is a view of a weight", output.name);
    use_until(here, next_step());
    out_.outputs.push_back({output.name, {here, n.spec()}});
  }

  const Graph& graph_;
  const Backend& backend_;
  int threads_;
  bool on_device_;
  LoweredGraph out_;
  std::vector<Location> location_;
  std::vector<int> made_by_;   // step that writes the bytes behind a value
  std::vector<int> root_;      // of a chain of views: whose bytes a value really has
  std::vector<int> last_use_;  // by node, over its whole chain of views
  std::map<std::string, std::shared_ptr<const Kernel>> kernels_;
  std::map<std::string, size_t> weight_rows_;
};

}  // namespace

LoweredGraph lower(const Graph& graph, const Backend& backend, int threads) {
  return Lowering(graph, backend, threads).run();
}

}  // namespace newbie
