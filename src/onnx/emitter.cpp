#include "onnx/emitter.h"

#include <algorithm>

#include "core/float_formats.h"

namespace newbie {

namespace {

Shape channels_shape(const Shape& picture) {  // [h, w, C] -> [1, C, h, w]
  if (picture.rank() != 3)
    fail(ErrorKind::Internal, "a value of shape {} has no form with channels first", picture.str());
  return {1, picture[2], picture[0], picture[1]};
}

}  // namespace

std::string Emitter::free_name(const std::string& wanted) {
  for (std::string name = wanted;; name = wanted + '_' + std::to_string(++taken_[wanted]))
    if (taken_.try_emplace(name, 1).second) return name;
}

std::string Emitter::add(std::string_view op, std::vector<std::string> inputs, std::vector<OnnxAttribute> attributes) {
  const std::string name = free_name(path_ + '/' + std::string(op));
  model_.nodes.push_back({std::string(op), name, std::move(inputs), {name}, std::move(attributes)});
  return name;
}

void Emitter::rename(size_t first, const std::string& from, const std::string& to) {
  for (size_t i = first; i < model_.nodes.size(); ++i) {
    std::ranges::replace(model_.nodes[i].inputs, from, to);
    std::ranges::replace(model_.nodes[i].outputs, from, to);
  }
}

OnnxOperand& Emitter::leave(const Shape& shape, const OnnxResult& result) {
  std::string name = result.name;
  const auto made = std::ranges::find_if(model_.nodes.begin() + static_cast<std::ptrdiff_t>(first_), model_.nodes.end(),
                                         [&](const OnnxNode& node) { return node.outputs.front() == name; });
  if (made != model_.nodes.end()) {
    name = free_name(path_);
    made->name = name;
    if (made->op == "Cast") casts_[{made->inputs.front(), result.dtype}] = name;
    rename(first_, result.name, name);
    model_.values.push_back({name, {result.is_channels ? channels_shape(shape) : shape, result.dtype}});
  }
  OnnxOperand operand{.shape = shape, .dtype = result.dtype};
  (result.is_channels ? operand.channels : operand.name) = name;
  return keep(std::move(operand));
}

std::string Emitter::cast(const std::string& value, DType from, DType to) {
  if (from == to) return value;
  std::string& made = casts_[{value, to}];
  if (made.empty()) made = add("Cast", {value}, {{"to", onnx_type(to)}});
  return made;
}

std::string Emitter::read(OnnxOperand& operand, DType dtype) {
  if (operand.name.empty()) {
    const std::string turned = transpose(operand.channels, {0, 2, 3, 1});
    operand.name = reshape(turned, operand.shape);
  }
  return cast(operand.name, operand.dtype, dtype);
}

std::string Emitter::read_channels(OnnxOperand& operand, DType dtype) {
  if (operand.channels.empty()) {
    const Shape& s = operand.shape;
    const Shape with_batch{1, s[0], s[1], channels_shape(s)[1]};
    operand.channels = transpose(reshape(operand.name, with_batch), {0, 3, 1, 2});
  }
  return cast(operand.channels, operand.dtype, dtype);
}

std::string Emitter::constant_of(const TensorSpec& spec, std::string bytes) {
  for (const OnnxConstant& c : model_.constants)
    if (c.spec == spec && c.bytes == bytes) return c.name;
  model_.constants.push_back({free_name("constant"), spec, std::move(bytes)});
  return model_.constants.back().name;
}

std::string Emitter::numbers(const Shape& shape, std::span<const float> values, DType dtype) {
  if (values.size() != shape.elements())
    fail(ErrorKind::Internal, "{}: a constant of shape {} has {} values", path_, shape.str(), values.size());
  std::string bytes(values.size() * size_of(dtype), '\0');
  convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), dtype,
          reinterpret_cast<std::byte*>(bytes.data()), values.size());
  return constant_of({shape, dtype}, std::move(bytes));
}

std::string Emitter::integers(std::span<const int64_t> values) {
  const auto bytes = std::as_bytes(values);
  return constant_of({{static_cast<int64_t>(values.size())}, DType::I64},
                     {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string Emitter::reshape(const std::string& value, const Shape& shape) {
  return add("Reshape", {value, integers(shape.extents())});
}

std::string Emitter::transpose(const std::string& value, std::vector<int64_t> axes) {
  return add("Transpose", {value}, {{"perm", std::move(axes)}});
}

OnnxOperand& Emitter::weight(const std::string& name, const TensorSpec& spec) {
  model_.weights.push_back({free_name(name), name, spec});
  return keep({.shape = spec.shape, .dtype = spec.dtype, .name = model_.weights.back().name});
}

OnnxOperand& Emitter::input(const std::string& name, const TensorSpec& spec) {
  model_.inputs.push_back({free_name(name), spec});
  return keep({.shape = spec.shape, .dtype = spec.dtype, .name = model_.inputs.back().name});
}

OnnxOperand& Emitter::constant(const Shape& shape, std::span<const float> values) {
  return keep({.shape = shape, .dtype = DType::F32, .name = numbers(shape, values, DType::F32)});
}

void Emitter::output(const std::string& name, OnnxOperand& operand) {
  enter(name);
  const std::string value = read(operand, DType::F32);
  const auto is_value = [&](const OnnxValue& v) { return v.name == value; };
  const bool made = std::ranges::any_of(model_.nodes, [&](const OnnxNode& n) { return n.outputs.front() == value; });
  if (made && std::ranges::none_of(model_.outputs, is_value)) {
    rename(0, value, name);
    std::erase_if(model_.values, is_value);
    for (auto& [cast, made_by] : casts_)
      if (made_by == value) made_by = name;
    if (operand.dtype == DType::F32) operand.name = name;
  } else {
    model_.nodes.push_back({"Identity", name, {value}, {name}, {}});
  }
  model_.outputs.push_back({name, {operand.shape, DType::F32}});
}

void Emitter::need_opset(int64_t opset, int64_t ir_version) {
  model_.opset = std::max(model_.opset, opset);
  model_.ir_version = std::max(model_.ir_version, ir_version);
}

}  // namespace newbie
