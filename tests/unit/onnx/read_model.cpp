#include "unit/onnx/read_model.h"

#include <bit>
#include <functional>
#include <stdexcept>

namespace newbie::test {
namespace {

struct Field {
  int64_t number = 0;
  int wire_type = 0;
  uint64_t value = 0;      // of varints and of four bytes
  std::string_view bytes;  // of everything with a length
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }

  Field next() {
    Field field;
    const uint64_t tag = varint();
    field.number = static_cast<int64_t>(tag >> 3);
    field.wire_type = static_cast<int>(tag & 7);
    if (field.wire_type == 0) {
      field.value = varint();
    } else if (field.wire_type == 2) {
      field.bytes = take(varint());
    } else if (field.wire_type == 5) {
      const std::string_view four = take(4);
      for (size_t i = 0; i < 4; ++i) field.value |= uint64_t{static_cast<unsigned char>(four[i])} << (8 * i);
    } else {
      throw std::runtime_error("a wire type that ONNX has not");
    }
    return field;
  }

 private:
  std::string_view take(uint64_t count) {
    if (count > rest_.size()) throw std::runtime_error("a field ends behind its message");
    const std::string_view out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  uint64_t varint() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      out |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return out;
    }
    throw std::runtime_error("a varint without an end");
  }

  std::string_view rest_;
};

using OnField = std::function<void(const Field&)>;

// Calls the function of every field of a message; one without a function is an error.
void read_fields(std::string_view message, const std::map<int64_t, OnField>& known) {
  for (Reader reader(message); !reader.at_end();) {
    const Field field = reader.next();
    const auto found = known.find(field.number);
    if (found == known.end()) throw std::runtime_error("a field that is not known: " + std::to_string(field.number));
    found->second(field);
  }
}

OnField to(std::string& text) {
  return [&](const Field& f) { text = f.bytes; };
}
OnField to(int64_t& number) {
  return [&](const Field& f) { number = static_cast<int64_t>(f.value); };
}
OnField to(std::vector<std::string>& texts) {
  return [&](const Field& f) { texts.emplace_back(f.bytes); };
}
OnField to(std::vector<int64_t>& numbers) {
  return [&](const Field& f) { numbers.push_back(static_cast<int64_t>(f.value)); };
}
template <typename T>
OnField to(std::vector<T>& items, T (*read)(std::string_view)) {
  return [&items, read](const Field& f) { items.push_back(read(f.bytes)); };
}
OnField to(std::map<std::string, std::string>& entries) {
  return [&](const Field& f) {
    std::string key, value;
    read_fields(f.bytes, {{1, to(key)}, {2, to(value)}});
    entries[key] = value;
  };
}
OnField ignored() {
  return [](const Field&) {};
}

ReadAttribute read_attribute(std::string_view bytes) {
  ReadAttribute a;
  const auto real = [&](const Field& f) { a.real = std::bit_cast<float>(static_cast<uint32_t>(f.value)); };
  read_fields(bytes,
              {{1, to(a.name)}, {2, real}, {3, to(a.integer)}, {4, to(a.text)}, {8, to(a.integers)}, {20, to(a.type)}});
  return a;
}

ReadNode read_node(std::string_view bytes) {
  ReadNode n;
  read_fields(bytes, {{1, to(n.inputs)},
                      {2, to(n.outputs)},
                      {3, to(n.name)},
                      {4, to(n.op)},
                      {5, to(n.attributes, read_attribute)},
                      {7, to(n.domain)}});
  return n;
}

ReadTensor read_tensor(std::string_view bytes) {
  ReadTensor t;
  int64_t location = 0;
  read_fields(
      bytes,
      {{1, to(t.shape)}, {2, to(t.type)}, {8, to(t.name)}, {9, to(t.raw)}, {13, to(t.external)}, {14, to(location)}});
  t.is_external = location == 1;
  return t;
}

ReadValue read_value(std::string_view bytes) {
  ReadValue v;
  const auto dimension = [&](const Field& f) {
    int64_t extent = 0;
    read_fields(f.bytes, {{1, to(extent)}});
    v.shape.push_back(extent);
  };
  const auto shape = [&](const Field& f) { read_fields(f.bytes, {{1, dimension}}); };
  const auto tensor = [&](const Field& f) { read_fields(f.bytes, {{1, to(v.type)}, {2, shape}}); };
  const auto type = [&](const Field& f) { read_fields(f.bytes, {{1, tensor}}); };
  read_fields(bytes, {{1, to(v.name)}, {2, type}});
  return v;
}

}  // namespace

ReadModel read_model(std::string_view bytes) {
  ReadModel m;
  const auto graph = [&](const Field& f) {
    read_fields(f.bytes, {{1, to(m.nodes, read_node)},
                          {2, to(m.graph_name)},
                          {5, to(m.initializers, read_tensor)},
                          {11, to(m.inputs, read_value)},
                          {12, to(m.outputs, read_value)},
                          {13, to(m.values, read_value)}});
  };
  const auto opset = [&](const Field& f) { read_fields(f.bytes, {{1, ignored()}, {2, to(m.opset)}}); };
  read_fields(bytes, {{1, to(m.ir_version)},
                      {2, to(m.producer)},
                      {3, to(m.producer_version)},
                      {7, graph},
                      {8, opset},
                      {14, to(m.metadata)}});
  return m;
}

}  // namespace newbie::test
