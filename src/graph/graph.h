// Graph: a computation as a value. Small, static, append-only; every value is defined once and before its use.
// Shapes are numbers. No control flow, no implicit casts: dtypes appear through compile/assign_precision alone.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/tensor.h"
#include "graph/constant.h"
#include "graph/op_facts.h"

namespace newbie {

class Graph;

// What kind of numbers an op makes; precision policies choose storage and compute dtypes by it.
enum class NumericClass {
  Source,  // inputs, weights, constants
  Matmul,  // linear layers, batched matmuls
  Convolution,
  Attention,
  Norm,  // RMS, layer, group norms: computed in f32 whatever is stored
  Softmax,
  Activation,  // element-wise: SiLU, GELU, products, rotary embedding
  Residual,    // running sums: storing these narrowly costs most accuracy
  Embedding,   // table rows, time features
  Movement,    // no arithmetic: the result keeps its input's dtype
  Cast,
};
std::string_view to_string(NumericClass c);

enum class Element { Real, Index };  // Index values are always I32

// Named attributes of an op, in the order they were given. Values are numbers or short lists of integers.
class Attrs {
 public:
  using Value = std::variant<int64_t, double, std::vector<int64_t>>;
  struct Item {
    std::string_view name;  // a string literal
    Value value;
    bool operator==(const Item&) const = default;
  };

  Attrs() = default;
  Attrs(std::initializer_list<Item> items) : items_(items) {}

  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::vector<int64_t>& list(std::string_view name) const;
  std::span<const Item> items() const { return items_; }
  void add(Item item) { items_.push_back(std::move(item)); }
  void scale(std::string_view name, int log2);  // a real one times 2^log2
  std::string str() const;
  bool operator==(const Attrs&) const = default;

 private:
  const Value& at(std::string_view name) const;
  template <typename T>
  const T& typed(std::string_view name) const;
  std::vector<Item> items_;
};

// A reference to one node's result. Cheap to copy; valid while its Graph lives.
class Value {
 public:
  Value() = default;
  Value(Graph* graph, int id) : graph_(graph), id_(id) {}

  Graph& graph() const {  // Error{Internal} when empty
    if (graph_ == nullptr) fail(ErrorKind::Internal, "an empty value is used");
    return *graph_;
  }
  int id() const { return id_; }
  const Shape& shape() const;
  explicit operator bool() const { return graph_ != nullptr; }

 private:
  Graph* graph_ = nullptr;
  int id_ = -1;
};

// What a gradient is built from: values in the graph that is being built.
struct GradientCall {
  std::span<const Value> inputs;  // of the forward node
  Value output;                   // its result
  const Attrs& attrs;             // its attributes
};
// One value for every input, of that input's shape; an empty one where no gradient flows.
using Gradients = std::vector<Value>;

// An op says everything about itself: see graph/ops/. `infer` gives the result's shape or throws Error{Internal} with
// the mismatch. `decompose`, where present, builds the same meaning from plainer ops: the test oracle, and the path for
// a backend without a kernel. `gradient` builds the derivative of a scalar by each input from `dy`, that by the result;
// an op without one is differentiated by its decomposition. `view` ops only rename bytes: their result lies in their
// first input, at view_offset elements.
struct OpDef {
  std::string_view name;
  NumericClass numeric_class = NumericClass::Movement;
  Shape (*infer)(std::span<const Value> inputs, const Attrs& attrs) = nullptr;
  Value (*decompose)(std::span<const Value> inputs, const Attrs& attrs) = nullptr;
  Gradients (*gradient)(const GradientCall& call, Value dy) = nullptr;
  // Multiplications and additions; null for ops that move more than they compute.
  double (*cost)(std::span<const Shape> inputs, const Shape& output, const Attrs& attrs) = nullptr;
  ScaleRule rescale;                // compile/rescale.h
  InsideRule inside;                // overflow/range_trace.h
  std::optional<size_t> row_table;  // the operand that is a table: a run reads some of its rows, nothing else of it
  bool int8 = false;                // may be computed with 8-bit numbers
  bool view = false;
  size_t (*view_offset)(std::span<const Value> inputs, const Attrs& attrs) = nullptr;
};

struct OpPrecision {
  DType storage = DType::F32;     // how the result is kept
  DType compute = DType::F32;     // operands are rounded to this before the arithmetic
  DType accumulate = DType::F32;  // how sums, and all other values inside the op, are kept
  bool operator==(const OpPrecision&) const = default;
};

struct Node {
  const OpDef* op = nullptr;
  std::vector<int> inputs;
  Attrs attrs;
  Shape shape;
  Element element = Element::Real;
  OpPrecision precision;                     // F32 everywhere until assign_precision
  std::vector<std::string> paths;            // scope paths this value is known by; may be empty
  std::shared_ptr<const Constant> constant;  // constants only

  TensorSpec spec() const { return {shape, element == Element::Index ? DType::I32 : precision.storage}; }
};

class Graph {
 public:
  struct Output {
    std::string name;
    int id;
  };

  Graph() = default;
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;
  Graph(const Graph&) = delete;

  Value input(std::string name, const Shape& shape, Element element = Element::Real);  // bound at every run
  Value weight(const std::string& name, const Shape& shape);                           // one node per name
  Value constant(const Shape& shape, Constant values);                                 // known when the graph is built
  Value constant(const Shape& shape, std::vector<float> values) { return constant(shape, Constant(std::move(values))); }
  Value emit(const OpDef& op, std::vector<Value> inputs, Attrs attrs = {}, std::string path = {});
  void output(std::string name, Value value);

  // Gives `value` another path (a block is known by its own name and by its last op's).
  void name(Value value, std::string path);

  // Appends a copy of `node` as it stands (passes use it); `node.inputs` must already refer to this graph.
  Value append(Node node);

  const Node& node(int id) const { return nodes_[static_cast<size_t>(id)]; }
  Node& node(int id) { return nodes_[static_cast<size_t>(id)]; }
  int size() const { return static_cast<int>(nodes_.size()); }
  Value value(int id) { return {this, id}; }
  const std::vector<Output>& outputs() const { return outputs_; }

  std::optional<int> find_input(std::string_view name) const;
  std::string str() const;  // one line a node

 private:
  std::vector<Node> nodes_;
  std::vector<Output> outputs_;
};

inline const Shape& Value::shape() const { return graph().node(id_).shape; }

// Throws Error{Internal} when a promise of the class is broken: ids out of order, shapes unlike infer's, no outputs.
void verify(const Graph& graph);

// How many nodes read each value; outputs count as one reader each.
std::vector<int> count_uses(const Graph& graph);

// A place in the module tree: paths are the checkpoint's names.
class Scope {
 public:
  Scope(Graph& graph, std::string path = {}) : graph_(&graph), path_(std::move(path)) {}

  Scope operator/(std::string_view child) const {
    return {*graph_, path_.empty() ? std::string(child) : path_ + "." + std::string(child)};
  }
  Scope operator/(int64_t index) const { return *this / std::to_string(index); }

  Graph& graph() const {  // Error{Internal} when empty
    if (graph_ == nullptr) fail(ErrorKind::Internal, "an empty value is used");
    return *graph_;
  }
  const std::string& path() const { return path_; }
  Value weight(std::string_view name, const Shape& shape) const { return graph_->weight((*this / name).path(), shape); }
  // Marks `value` as this module's result and returns it.
  Value result(Value value) const {
    graph_->name(value, path_);
    return value;
  }

 private:
  Graph* graph_;
  std::string path_;
};

}  // namespace newbie
