#include "graph/graph.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "graph/ops/sources.h"

namespace newbie {

std::string_view to_string(NumericClass c) {
  switch (c) {
    case NumericClass::Source: return "source";
    case NumericClass::Matmul: return "matmul";
    case NumericClass::Convolution: return "convolution";
    case NumericClass::Attention: return "attention";
    case NumericClass::Norm: return "norm";
    case NumericClass::Softmax: return "softmax";
    case NumericClass::Activation: return "activation";
    case NumericClass::Residual: return "residual";
    case NumericClass::Embedding: return "embedding";
    case NumericClass::Movement: return "movement";
    case NumericClass::Cast: return "cast";
  }
  return "?";
}

const Attrs::Value& Attrs::at(std::string_view name) const {
  for (const Item& item : items_)
    if (item.name == name) return item.value;
  fail(ErrorKind::Internal, "op attribute \"{}\" is missing", name);
}

template <typename T>
const T& Attrs::typed(std::string_view name) const {
  const T* value = std::get_if<T>(&at(name));
  if (value == nullptr) fail(ErrorKind::Internal, "op attribute \"{}\" is of another kind", name);
  return *value;
}

int64_t Attrs::integer(std::string_view name) const { return typed<int64_t>(name); }
double Attrs::real(std::string_view name) const { return typed<double>(name); }
const std::vector<int64_t>& Attrs::list(std::string_view name) const { return typed<std::vector<int64_t>>(name); }

void Attrs::scale(std::string_view name, int log2) {
  const double scaled = std::ldexp(real(name), log2);
  for (Item& item : items_)
    if (item.name == name) item.value = scaled;
}

std::string Attrs::str() const {
  std::string out;
  for (const Item& item : items_) {
    if (!out.empty()) out += ' ';
    out += item.name;
    out += '=';
    if (const auto* i = std::get_if<int64_t>(&item.value)) out += std::to_string(*i);
    if (const auto* r = std::get_if<double>(&item.value)) out += fmt::format("{}", *r);
    if (const auto* l = std::get_if<std::vector<int64_t>>(&item.value)) out += fmt::format("{}", *l);
  }
  return out;
}

Value Graph::input(std::string name, const Shape& shape, Element element) {
  Node node{.op = &input_op, .shape = shape, .element = element};
  node.paths.push_back(std::move(name));
  return append(std::move(node));
}

Value Graph::weight(const std::string& name, const Shape& shape) {
  for (int id = 0; id < size(); ++id) {
    const Node& n = node(id);
    if (n.op != &weight_op || n.paths.front() != name) continue;
    if (n.shape != shape)
      fail(ErrorKind::Internal, "weight {} is used as {} and as {}", name, n.shape.str(), shape.str());
    return value(id);
  }
  Node node{.op = &weight_op, .shape = shape};
  node.paths.push_back(name);
  return append(std::move(node));
}

Value Graph::constant(const Shape& shape, Constant values) {
  if (values.size() != shape.elements())
    fail(ErrorKind::Internal, "constant of shape {} has {} values", shape.str(), values.size());
  Node node{.op = &constant_op, .shape = shape};
  node.constant = std::make_shared<const Constant>(std::move(values));
  return append(std::move(node));
}

Value Graph::emit(const OpDef& op, std::vector<Value> inputs, Attrs attrs, std::string path) {
  Node node{.op = &op};
  for (const Value& v : inputs) {
    if (!v) fail(ErrorKind::Internal, "{}: op {} takes an empty value", path, op.name);
    if (&v.graph() != this) fail(ErrorKind::Internal, "{}: op {} takes a value of another graph", path, op.name);
    node.inputs.push_back(v.id());
  }
  try {
    node.shape = op.infer(inputs, attrs);
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{}{}{}: {}", path, path.empty() ? "" : ": ", op.name, e.message()), e.hint());
  }
  node.attrs = std::move(attrs);
  if (!path.empty()) node.paths.push_back(std::move(path));
  return append(std::move(node));
}

Value Graph::append(Node node) {
  nodes_.push_back(std::move(node));
  return value(size() - 1);
}

void Graph::output(std::string name, Value value) {
  if (!value || &value.graph() != this) fail(ErrorKind::Internal, "output {} is no value of this graph", name);
  outputs_.push_back({std::move(name), value.id()});
}

void Graph::name(Value value, std::string path) {
  auto& paths = node(value.id()).paths;
  if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(std::move(path));
}

std::optional<int> Graph::find_input(std::string_view name) const {
  for (int id = 0; id < size(); ++id)
    if (node(id).op == &input_op && node(id).paths.front() == name) return id;
  return std::nullopt;
}

std::string Graph::str() const {
  std::string out;
  for (int id = 0; id < size(); ++id) {
    const Node& n = node(id);
    out += fmt::format("%{} = {}(", id, n.op->name);
    for (size_t i = 0; i < n.inputs.size(); ++i) out += fmt::format("{}%{}", i ? ", " : "", n.inputs[i]);
    out += fmt::format(") {} {}", to_string(n.spec().dtype), n.shape.str());
    if (n.precision.compute != n.precision.storage) out += fmt::format(" compute={}", to_string(n.precision.compute));
    if (n.op->numeric_class != NumericClass::Movement && n.precision.accumulate != DType::F32)
      out += fmt::format(" accumulate={}", to_string(n.precision.accumulate));
    if (!n.attrs.items().empty()) out += " {" + n.attrs.str() + "}";
    for (const auto& p : n.paths) out += " '" + p + "'";
    out += '\n';
  }
  for (const Output& o : outputs_) out += fmt::format("return {} = %{}\n", o.name, o.id);
  return out;
}

void verify(const Graph& graph) {
  if (graph.outputs().empty()) fail(ErrorKind::Internal, "graph has no outputs");
  auto& g = const_cast<Graph&>(graph);  // Value is a handle for reading here
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    std::vector<Value> inputs;
    for (int in : n.inputs) {
      if (in < 0 || in >= id)
        fail(ErrorKind::Internal, "node %{} {} reads %{}, which is not defined before it", id, n.op->name, in);
      inputs.push_back(g.value(in));
    }
    if (n.op->infer != nullptr && !(n.op->infer(inputs, n.attrs) == n.shape))
      fail(ErrorKind::Internal, "node %{} {} has shape {}, its op says {}", id, n.op->name, n.shape.str(),
           n.op->infer(inputs, n.attrs).str());
  }
  for (const auto& o : graph.outputs())
    if (o.id < 0 || o.id >= graph.size())
      fail(ErrorKind::Internal, "output {} refers to %{}, which is not there", o.name, o.id);
}

std::vector<int> count_uses(const Graph& graph) {
  std::vector<int> uses(static_cast<size_t>(graph.size()), 0);
  for (int id = 0; id < graph.size(); ++id)
    for (int in : graph.node(id).inputs) ++uses[static_cast<size_t>(in)];
  for (const auto& o : graph.outputs()) ++uses[static_cast<size_t>(o.id)];
  return uses;
}

}  // namespace newbie
