// Emitter: what the mappings of ops (onnx/maps/) write ONNX nodes with. It names nodes by the paths of our graph, makes
// each constant once, and inserts casts and changes of layout where a mapping asks for them.
#pragma once

#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "onnx/model.h"

namespace newbie {

// A value of our graph in the ONNX graph. Pictures [h, w, C] have a second form, [1, C, h, w]: ONNX's convolutions want
// it, and what follows them stays in it, so that no picture is turned back and forth.
struct OnnxOperand {
  Shape shape;
  DType dtype = DType::F32;
  std::string name;      // the value as it is; empty until somebody asks
  std::string channels;  // its second form; the same
};

// What a mapping gives back: the name of a value in the shape of the node, or in its second form.
struct OnnxResult {
  std::string name;
  DType dtype;
  bool is_channels = false;
};

class Emitter {
 public:
  explicit Emitter(OnnxModel& model) : model_(model) {}

  // Nodes that follow belong to the value of this path.
  void enter(std::string path) { path_ = std::move(path), first_ = model_.nodes.size(); }
  // The path's result is there: it, and the node that makes it, take the path as their name. `operand` becomes it.
  OnnxOperand& leave(const Shape& shape, const OnnxResult& result);

  // Adds a node and gives the name of its result.
  std::string add(std::string_view op, std::vector<std::string> inputs, std::vector<OnnxAttribute> attributes = {});

  // An operand in `dtype`, as it is or in its second form.
  std::string read(OnnxOperand& operand, DType dtype);
  std::string read_channels(OnnxOperand& operand, DType dtype);
  std::string cast(const std::string& value, DType from, DType to);

  // Constants; equal ones are one. Numbers are rounded to `dtype`.
  std::string number(double value, DType dtype) { return numbers({}, std::vector{static_cast<float>(value)}, dtype); }
  std::string numbers(const Shape& shape, std::span<const float> values, DType dtype);
  std::string integers(std::span<const int64_t> values);
  std::string integers(std::initializer_list<int64_t> values) {
    return integers(std::span(values.begin(), values.size()));
  }

  std::string reshape(const std::string& value, const Shape& shape);
  std::string reshape(const std::string& value, std::initializer_list<int64_t> extents) {
    return add("Reshape", {value, integers(extents)});
  }
  std::string transpose(const std::string& value, std::vector<int64_t> axes);

  // A weight of the model, and what a caller gives.
  OnnxOperand& weight(const std::string& name, const TensorSpec& spec);
  OnnxOperand& input(const std::string& name, const TensorSpec& spec);
  OnnxOperand& constant(const Shape& shape, std::span<const float> values);
  OnnxOperand& keep(OnnxOperand operand) { return operands_.emplace_back(std::move(operand)); }

  // A name that no node takes; `output` makes an operand the output of that name.
  void reserve(const std::string& name) { taken_[name] = 1; }
  void output(const std::string& name, OnnxOperand& operand);

  void need_opset(int64_t opset, int64_t ir_version);

 private:
  std::string free_name(const std::string& wanted);
  void rename(size_t first, const std::string& from, const std::string& to);  // in nodes from `first` on
  std::string constant_of(const TensorSpec& spec, std::string bytes);

  OnnxModel& model_;
  std::string path_;
  size_t first_ = 0;  // node of the path
  std::deque<OnnxOperand> operands_;
  std::map<std::string, int, std::less<>> taken_;               // names, and how often they were wanted
  std::map<std::pair<std::string, DType>, std::string> casts_;  // of a value
};

}  // namespace newbie
