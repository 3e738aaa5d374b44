#include "overflow/absolute_sums.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/float_formats.h"
#include "graph/ops/sources.h"

namespace newbie {

class AbsoluteSums::Weights final : public WeightSource {
 public:
  void add(const std::string& name, const WeightSource& from) {
    if (kept_.contains(name)) return;
    const auto spec = from.find(name);
    if (!spec) return;
    Kept kept{{spec->shape, DType::F32}, std::vector<float>(spec->shape.elements())};
    from.read(name, DType::F32, reinterpret_cast<std::byte*>(kept.values.data()));
    for (float& v : kept.values) v = std::abs(v);
    kept_.emplace(name, std::move(kept));
  }

  std::optional<TensorSpec> find(std::string_view name) const override {
    const auto it = kept_.find(name);
    return it == kept_.end() ? std::nullopt : std::optional(it->second.spec);
  }
  ConstTensorView mapped(std::string_view name) const override {
    const Kept& kept = at(name);
    return {kept.spec, reinterpret_cast<const std::byte*>(kept.values.data())};
  }
  void read(std::string_view name, DType dtype, std::byte* destination) const override {
    const Kept& kept = at(name);
    convert(DType::F32, reinterpret_cast<const std::byte*>(kept.values.data()), dtype, destination, kept.values.size());
  }

 private:
  struct Kept {
    TensorSpec spec;
    std::vector<float> values;
  };
  const Kept& at(std::string_view name) const {
    const auto it = kept_.find(name);
    if (it == kept_.end()) fail(ErrorKind::Internal, "{}: no absolute weights were kept", name);
    return it->second;
  }
  std::map<std::string, Kept, std::less<>> kept_;
};

// One op as a network of its own.
struct AbsoluteSums::Product {
  Program program;
  WeightBank bank;
  Buffer arena;
  std::vector<float> input, output;
  TensorSpec input_spec, output_spec;
};

AbsoluteSums::AbsoluteSums(ThreadPool& threads) : threads_(threads), backend_(make_cpu_backend()) {}
AbsoluteSums::~AbsoluteSums() = default;

void AbsoluteSums::add(const std::string& part, const Graph& graph, int id, const WeightSource& weights) {
  auto& kept = weights_[part];
  if (!kept) kept = std::make_unique<Weights>();
  const Node& node = graph.node(id);
  for (size_t i = 1; i < node.inputs.size(); ++i)
    if (const Node& w = graph.node(node.inputs[i]); w.op == &weight_op) kept->add(w.paths.front(), weights);
}

double AbsoluteSums::largest(const std::string& part, const Graph& graph, int id, std::span<const float> x) {
  const Node& node = graph.node(id);
  const Shape& shape = graph.node(node.inputs[0]).shape;
  std::string key = fmt::format("{}|{}|{}", part, node.attrs.str(), shape.str());
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Node& w = graph.node(node.inputs[i]);
    if (w.op != &weight_op) fail(ErrorKind::Internal, "{}: operand {} is no weight", node.op->name, i);
    key += '|' + w.paths.front();
  }
  auto& product = products_[key];
  if (!product) {
    Graph g;
    std::vector<Value> in{g.input("x", shape)};
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      const Node& w = graph.node(node.inputs[i]);
      in.push_back(g.weight(w.paths.front(), w.shape));
    }
    g.output("y", g.emit(*node.op, in, node.attrs));
    Program program(g, *backend_, threads_.size());
    WeightBank bank(*weights_.at(part), allocator_);
    bank.prepare(program.weights(), threads_);
    Buffer arena = allocator_.allocate(program.memory().arena_bytes, "absolute sums");
    product = std::make_unique<Product>(Product{std::move(program),
                                                std::move(bank),
                                                std::move(arena),
                                                std::vector<float>(shape.elements()),
                                                std::vector<float>(node.shape.elements()),
                                                {shape, DType::F32},
                                                {node.shape, DType::F32}});
  }
  std::ranges::transform(x, product->input.begin(), [](float v) { return std::abs(v); });
  ExecutionContext context{.threads = threads_, .arena = product->arena.data()};
  Bindings bindings;
  bindings.inputs["x"] = {product->input_spec, reinterpret_cast<const std::byte*>(product->input.data())};
  bindings.outputs["y"] = {product->output_spec, reinterpret_cast<std::byte*>(product->output.data())};
  product->program.run(context, product->bank, bindings);
  const auto most = std::ranges::max_element(product->output);
  return most == product->output.end() ? 0.0 : static_cast<double>(*most);
}

}  // namespace newbie
