// The wire format of Protocol Buffers, as much of it as ONNX files need: whole numbers, floats, texts and messages
// inside messages. Written here and not by libprotobuf: what is written is twelve message types with three kinds of
// fields, weights lie outside of them, and Debian's libonnx ends at opset 17; that would be a run-time library and a
// code generator for the forty lines below. The tests read the bytes back with a reader of their own, `./dev onnx` with
// the onnx package.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace newbie {

// The encoded fields of one message, in the order they are added.
class ProtobufMessage {
 public:
  void integer(int field, int64_t value);
  void real(int field, float value);
  void bytes(int field, std::string_view value);  // of texts too: these are UTF-8
  void message(int field, const ProtobufMessage& value) { bytes(field, value.encoded_); }

  const std::string& encoded() const { return encoded_; }

 private:
  void varint(uint64_t value);
  void tag(int field, int wire_type);

  std::string encoded_;
};

}  // namespace newbie
