#include "weights/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <set>

#include "core/checked.h"
#include "core/files.h"
#include "core/float_formats.h"
#include "weights/formats/gguf.h"
#include "weights/formats/gguf_keys.h"
#include "weights/narrowing.h"

namespace newbie {

namespace {

constexpr uint32_t kVersion = 3;
constexpr size_t kAlignment = 32;
constexpr size_t kElementsAtOnce = size_t{256} << 10;  // whole blocks of any format

class Bytes {
 public:
  void number(uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xFFU);
  }
  void text(const std::string& text) {
    number(text.size(), 8);
    out_ += text;
  }
  void fill_up() { out_.append(round_up(out_.size(), kAlignment) - out_.size(), '\0'); }
  std::string& raw() { return out_; }

 private:
  std::string out_;
};

void put_kind(Bytes& out, GgufKind kind) { out.number(static_cast<uint32_t>(kind), 4); }

struct PutValue {
  Bytes& out;

  void operator()(const std::string& value) const { put_kind(out, GgufKind::Text), out.text(value); }
  void operator()(uint32_t value) const { put_kind(out, GgufKind::U32), out.number(value, 4); }
  void operator()(float value) const { put_kind(out, GgufKind::F32), out.number(std::bit_cast<uint32_t>(value), 4); }
  void operator()(bool value) const { put_kind(out, GgufKind::Bool), out.number(value ? 1 : 0, 1); }
  void operator()(const std::vector<std::string>& values) const {
    begin_array(GgufKind::Text, values.size());
    for (const std::string& value : values) out.text(value);
  }
  void operator()(const std::vector<float>& values) const {
    begin_array(GgufKind::F32, values.size());
    for (const float value : values) out.number(std::bit_cast<uint32_t>(value), 4);
  }
  void operator()(const std::vector<int32_t>& values) const {
    begin_array(GgufKind::I32, values.size());
    for (const int32_t value : values) out.number(static_cast<uint32_t>(value), 4);
  }

 private:
  void begin_array(GgufKind element, size_t count) const {
    put_kind(out, GgufKind::Array);
    put_kind(out, element);
    out.number(count, 8);
  }
};

size_t elements_of(const GgufTensor& tensor) {
  size_t count = 1;
  for (const int64_t extent : tensor.shape) count = checked_mul(count, static_cast<size_t>(extent));
  return count;
}

std::string header_of(std::span<const GgufKey> keys, std::span<const GgufTensor> tensors) {
  Bytes out;
  out.raw() = kGgufMagic;
  out.number(kVersion, 4);
  out.number(tensors.size(), 8);
  out.number(keys.size(), 8);
  for (const GgufKey& key : keys) {
    out.text(key.name);
    std::visit(PutValue{out}, key.value);
  }
  size_t at = 0;
  for (const GgufTensor& tensor : tensors) {
    out.text(tensor.name);
    out.number(tensor.shape.size(), 4);
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent)
      out.number(static_cast<uint64_t>(*extent), 8);
    out.number(tensor.type.blocks != nullptr ? tensor.type.blocks->id : gguf_type_id(*tensor.type.plain), 4);
    out.number(at, 8);
    at = round_up(checked_add(at, stored_bytes(tensor)), kAlignment);
  }
  out.fill_up();
  return std::move(out.raw());
}

void write_values(AtomicFile& file, const GgufTensor& tensor) {
  const size_t count = elements_of(tensor);
  std::vector<float> values(std::min(count, kElementsAtOnce));
  std::vector<std::byte> stored;
  Narrowing narrowing = tensor.type.plain ? Narrowing(tensor.name, *tensor.type.plain)
                                          : Narrowing(tensor.name, std::string(tensor.type.name));
  std::vector<float> kept;
  for (size_t first = 0; first < count; first += values.size()) {
    const std::span<float> piece(values.data(), std::min(values.size(), count - first));
    tensor.values(first, piece);
    if (const BlockFormat* blocks = tensor.type.blocks; blocks != nullptr) {
      stored.resize(piece.size() / blocks->elements * blocks->bytes);
      narrow_blocks(*blocks, piece, stored);
      kept.resize(piece.size());
      widen_blocks(*blocks, stored, 0, kept);
      narrowing.check(piece, kept);
    } else {
      stored.resize(piece.size() * size_of(*tensor.type.plain));
      narrowing.convert(piece, stored.data());
    }
    file.write(stored);
  }
  narrowing.finish();
  const std::vector<std::byte> padding(round_up(stored_bytes(tensor), kAlignment) - stored_bytes(tensor));
  file.write(padding);
}

}  // namespace

size_t stored_bytes(const GgufTensor& tensor) {
  const size_t count = elements_of(tensor);
  const BlockFormat* blocks = tensor.type.blocks;
  if (blocks == nullptr) return checked_mul(count, size_of(*tensor.type.plain));
  if (tensor.shape.empty() || tensor.shape.back() % static_cast<int64_t>(blocks->elements) != 0)
    fail(ErrorKind::InvalidRequest, "{}: expected rows of whole blocks of {} in {}", tensor.name, blocks->elements,
         blocks->name);
  return checked_mul(count / blocks->elements, blocks->bytes);
}

void write_gguf(const std::filesystem::path& path, std::span<const GgufKey> keys, std::span<const GgufTensor> tensors) {
  std::set<std::string_view> names;
  for (const GgufTensor& tensor : tensors)
    if (!names.insert(tensor.name).second)
      fail(ErrorKind::InvalidRequest, "{}: expected each tensor once, got '{}' twice", path.string(), tensor.name);
  const std::string header = header_of(keys, tensors);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(header)));
  for (const GgufTensor& tensor : tensors) write_values(file, tensor);
  file.commit();
}

}  // namespace newbie
