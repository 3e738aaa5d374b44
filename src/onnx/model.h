// An ONNX model as a value: what a .onnx file says, weights aside. Those lie in a file of raw bytes beside it (external
// data), which several models may share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace newbie {

// Both are the oldest that have the ops as they are written here, for runtimes of older devices: opset 18 has the axes
// of a mean as an input. Convolutions in bf16 came with opset 22.
inline constexpr int64_t kOnnxOpset = 18, kOnnxIrVersion = 8;
inline constexpr int64_t kOnnxOpsetOfBf16Convolutions = 22, kOnnxIrVersionOfBf16Convolutions = 10;

struct OnnxAttribute {
  std::string_view name;  // a string literal
  std::variant<int64_t, float, std::string, std::vector<int64_t>> value;
};

struct OnnxNode {
  std::string op, name;
  std::vector<std::string> inputs, outputs;  // an empty input: left out
  std::vector<OnnxAttribute> attributes;
};

// A value that a node, a caller or nobody yet gives.
struct OnnxValue {
  std::string name;
  TensorSpec spec;
};

struct OnnxConstant {
  std::string name;
  TensorSpec spec;
  std::string bytes;  // little-endian, row-major
};

// Where a weight's bytes lie: its spec's bytes from `offset` on in a file beside the model.
struct OnnxWeight {
  std::string name;    // in the model
  std::string weight;  // in the WeightSource
  TensorSpec spec;
  std::string location = {};
  size_t offset = 0;
};

struct OnnxModel {
  int64_t opset = kOnnxOpset, ir_version = kOnnxIrVersion;
  std::string name, producer_version;
  std::vector<OnnxNode> nodes;  // each behind those it reads
  std::vector<OnnxConstant> constants;
  std::vector<OnnxWeight> weights;
  std::vector<OnnxValue> inputs, outputs;
  std::vector<OnnxValue> values;  // the others whose shape is told
  std::vector<std::pair<std::string, std::string>> metadata;
};

int64_t onnx_type(DType dtype);  // TensorProto.DataType

// The bytes of a .onnx file. Error{Unsupported} when they are beyond the 2 GiB that readers of the format take.
std::string encode(const OnnxModel& model);

}  // namespace newbie
