// Field numbers: onnx.proto, as published with IR version 10.
#include <limits>

#include "core/error.h"
#include "onnx/model.h"
#include "onnx/protobuf.h"

namespace newbie {

int64_t onnx_type(DType dtype) {
  switch (dtype) {
    case DType::F32: return 1;
    case DType::U8: return 2;
    case DType::I8: return 3;
    case DType::I32: return 6;
    case DType::I64: return 7;
    case DType::F16: return 10;
    case DType::F64: return 11;
    case DType::BF16: return 16;
    case DType::F8E4M3: return 17;
    case DType::F8E5M2: return 19;
  }
  fail(ErrorKind::Internal, "a dtype without a number in ONNX");
}

namespace {

// AttributeProto, with its AttributeType
struct AttributeFields {
  ProtobufMessage& out;
  void operator()(int64_t v) const { out.integer(3, v), out.integer(20, 2); }
  void operator()(float v) const { out.real(2, v), out.integer(20, 1); }
  void operator()(const std::string& v) const { out.bytes(4, v), out.integer(20, 3); }
  void operator()(const std::vector<int64_t>& v) const {
    for (const int64_t i : v) out.integer(8, i);  // this field is not packed: the format is proto2
    out.integer(20, 7);
  }
};

ProtobufMessage node_proto(const OnnxNode& node) {
  ProtobufMessage out;
  for (const std::string& input : node.inputs) out.bytes(1, input);
  for (const std::string& output : node.outputs) out.bytes(2, output);
  out.bytes(3, node.name);
  out.bytes(4, node.op);
  for (const OnnxAttribute& attribute : node.attributes) {
    ProtobufMessage fields;
    fields.bytes(1, attribute.name);
    std::visit(AttributeFields{fields}, attribute.value);
    out.message(5, fields);
  }
  return out;
}

ProtobufMessage tensor_proto(const std::string& name, const TensorSpec& spec) {
  ProtobufMessage out;
  for (const int64_t extent : spec.shape.extents()) out.integer(1, extent);
  out.integer(2, onnx_type(spec.dtype));
  out.bytes(8, name);
  return out;
}

ProtobufMessage entry(std::string_view key, std::string_view value) {  // StringStringEntryProto
  ProtobufMessage out;
  out.bytes(1, key);
  out.bytes(2, value);
  return out;
}

ProtobufMessage weight_proto(const OnnxWeight& weight) {
  ProtobufMessage out = tensor_proto(weight.name, weight.spec);
  out.message(13, entry("location", weight.location));
  out.message(13, entry("offset", std::to_string(weight.offset)));
  out.message(13, entry("length", std::to_string(weight.spec.bytes())));
  out.integer(14, 1);  // EXTERNAL
  return out;
}

ProtobufMessage constant_proto(const OnnxConstant& constant) {
  ProtobufMessage out = tensor_proto(constant.name, constant.spec);
  out.bytes(9, constant.bytes);
  return out;
}

ProtobufMessage value_proto(const OnnxValue& value) {  // ValueInfoProto { name, TypeProto { Tensor { type, shape } } }
  ProtobufMessage shape, tensor, type, out;
  for (const int64_t extent : value.spec.shape.extents()) {
    ProtobufMessage dimension;
    dimension.integer(1, extent);
    shape.message(1, dimension);
  }
  tensor.integer(1, onnx_type(value.spec.dtype));
  tensor.message(2, shape);
  type.message(1, tensor);
  out.bytes(1, value.name);
  out.message(2, type);
  return out;
}

ProtobufMessage graph_proto(const OnnxModel& model) {
  ProtobufMessage out;
  for (const OnnxNode& node : model.nodes) out.message(1, node_proto(node));
  out.bytes(2, model.name);
  for (const OnnxWeight& weight : model.weights) out.message(5, weight_proto(weight));
  for (const OnnxConstant& constant : model.constants) out.message(5, constant_proto(constant));
  for (const OnnxValue& input : model.inputs) out.message(11, value_proto(input));
  for (const OnnxValue& output : model.outputs) out.message(12, value_proto(output));
  for (const OnnxValue& value : model.values) out.message(13, value_proto(value));
  return out;
}

}  // namespace

std::string encode(const OnnxModel& model) {
  ProtobufMessage opset, out;
  opset.bytes(1, "");
  opset.integer(2, model.opset);
  out.integer(1, model.ir_version);
  out.bytes(2, "newbie.cpp");
  out.bytes(3, model.producer_version);
  out.message(7, graph_proto(model));
  out.message(8, opset);
  for (const auto& [key, value] : model.metadata) out.message(14, entry(key, value));
  constexpr size_t kMost = std::numeric_limits<int32_t>::max();
  if (out.encoded().size() > kMost)
    fail(ErrorKind::Unsupported, "{}: {} bytes without weights; a Protocol Buffers file has at most {}", model.name,
         out.encoded().size(), kMost);
  return out.encoded();
}

}  // namespace newbie
