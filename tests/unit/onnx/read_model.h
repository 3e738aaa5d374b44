// A small reader of .onnx files that shares nothing with the writer: what a test needs to see of one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace newbie::test {

struct ReadTensor {
  std::string name;
  int64_t type = 0;
  std::vector<int64_t> shape;
  std::string raw;
  bool is_external = false;
  std::map<std::string, std::string> external;  // location, offset, length
};

struct ReadAttribute {
  std::string name, text;
  int64_t type = 0, integer = 0;
  float real = 0;
  std::vector<int64_t> integers;
};

struct ReadNode {
  std::string op, name, domain;
  std::vector<std::string> inputs, outputs;
  std::vector<ReadAttribute> attributes;
};

struct ReadValue {
  std::string name;
  int64_t type = 0;
  std::vector<int64_t> shape;
};

struct ReadModel {
  int64_t ir_version = 0, opset = 0;
  std::string producer, producer_version, graph_name;
  std::vector<ReadNode> nodes;
  std::vector<ReadTensor> initializers;
  std::vector<ReadValue> inputs, outputs, values;
  std::map<std::string, std::string> metadata;
};

// Throws std::runtime_error for bytes that are no such message, and for fields that it does not know.
ReadModel read_model(std::string_view bytes);

}  // namespace newbie::test
