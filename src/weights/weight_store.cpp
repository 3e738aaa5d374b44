#include "weights/weight_store.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/checked.h"
#include "core/float_formats.h"
#include "core/scaled_weight.h"
#include "weights/combine.h"

namespace newbie {

namespace {

constexpr size_t kComputedAtOnce = 16 * 1024;  // elements: 64 KiB of scratch a reader, which no plan counts

bool readable_as(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16 || dtype == DType::F16; }

// Elements of a tensor from `first` on, those of `rows` multiplied.
void scale_rows(const TensorSpec& spec, std::span<const RowScale> rows, size_t first, std::span<float> out) {
  if (!rows.empty() && spec.shape.rank() != 0)
    scale_rows(rows, spec.shape.elements() / static_cast<size_t>(spec.shape[0]), first, out);
}

}  // namespace

void WeightStore::insert(std::string name, Tensor tensor) {
  const auto taken = tensors_.find(name);
  if (taken != tensors_.end()) {
    const auto origin = [](const Tensor& t) { return t.sources.empty() ? "computed" : t.sources.front().where(); };
    fail(ErrorKind::BadFile, "weight {}: expected it once, got it from {} and from {}", in_quotes(name),
         origin(*taken->second), origin(tensor));
  }
  bytes_ = checked_add(bytes_, bytes_of(tensor));
  for (const FileTensor& source : tensor.sources) {
    if (std::find(files_.begin(), files_.end(), source.file) != files_.end()) continue;
    files_.push_back(source.file);
    metadata_.insert(source.file->metadata().begin(), source.file->metadata().end());
  }
  tensors_.emplace(std::move(name), std::make_shared<const Tensor>(std::move(tensor)));
}

size_t WeightStore::bytes_of(const Tensor& tensor) {
  if (tensor.sources.empty()) return tensor.spec.bytes();
  size_t bytes = 0;
  for (const FileTensor& source : tensor.sources) bytes = checked_add(bytes, source.bytes().size());
  return bytes;
}

void WeightStore::add(std::string name, const FileTensor& tensor) {
  if (tensor.entry->blocks != nullptr) return add_derived(std::move(name), stored_tensor(tensor));
  insert(std::move(name), {.spec = tensor.spec(), .data = tensor.bytes().data(), .sources = {tensor}});
}

void WeightStore::add_as_matrix(std::string name, const FileTensor& tensor) {
  if (tensor.entry->blocks != nullptr)
    fail(ErrorKind::Unsupported, "{}: expected a plain dtype, got {}", tensor.where(), tensor.entry->dtype_name);
  TensorSpec spec = tensor.spec();
  const Shape& shape = spec.shape;
  if (shape.rank() == 4 && shape[2] == 1 && shape[3] == 1)
    spec.shape = Shape{shape[0], shape[1]};
  else if (shape.rank() != 2)
    fail(ErrorKind::BadFile, "{}: expected a matrix [rows, columns] or [rows, columns, 1, 1], got {}", tensor.where(),
         shape.str());
  insert(std::move(name), {.spec = spec, .data = tensor.bytes().data(), .sources = {tensor}});
}

void WeightStore::add_derived(std::string name, DerivedTensor tensor) {
  insert(std::move(name), {.spec = tensor.spec, .fill = std::move(tensor.fill), .sources = std::move(tensor.sources)});
}

void WeightStore::add_alias(std::string name, std::string_view existing) {
  const auto target = tensors_.find(existing);
  if (target == tensors_.end())
    fail(ErrorKind::BadFile, "weight {}: expected another name of {}, got no such tensor", in_quotes(name),
         in_quotes(existing));
  if (!tensors_.emplace(name, target->second).second)
    fail(ErrorKind::BadFile, "weight {}: expected it once, got it again as another name of {}", in_quotes(name),
         in_quotes(existing));
}

std::vector<std::string> WeightStore::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& entry : tensors_) names.push_back(entry.first);
  return names;
}

void WeightStore::check_intact() const {
  for (const auto& file : files_) file->check_intact();
}

WeightStore::Named WeightStore::at(std::string_view name) const {
  auto found = tensors_.find(name);
  ScaledWeight scaled{name, 0, {}};
  if (found == tensors_.end()) {
    scaled = parse_scaled_weight(name);
    found = tensors_.find(scaled.name);
  }
  if (found == tensors_.end())
    fail_with_hint(ErrorKind::BadFile, "another kind of model, or a part of one?", "{}: expected weight {}, got none",
                   files_.empty() ? "no file" : files_.front()->path().string(), in_quotes(name));
  return {*found->second, scaled.log2, found->second};
}

void WeightStore::fill(const Tensor& tensor, int log2, size_t first, std::span<float> out) {
  if (tensor.fill)
    tensor.fill(first, out);
  else
    convert(tensor.spec.dtype, tensor.data + first * size_of(tensor.spec.dtype), DType::F32,
            reinterpret_cast<std::byte*>(out.data()), out.size());
  if (log2 == 0) return;
  const float factor = std::ldexp(1.0f, log2);
  for (float& value : out) value *= factor;
}

DerivedTensor WeightStore::tensor(std::string_view name) const {
  const Named named = at(name);
  const std::shared_ptr<const Tensor> tensor = named.owner;
  if (!is_float(tensor->spec.dtype))
    fail(ErrorKind::Unsupported, "weight {}: expected a float tensor, got {}", in_quotes(name),
         to_string(tensor->spec.dtype));
  return {.spec = tensor->spec,
          .fill =
              [tensor, log2 = named.log2, rows = parse_scaled_weight(name).rows](size_t first, std::span<float> out) {
                fill(*tensor, log2, first, out);
                scale_rows(tensor->spec, rows, first, out);
              },
          .sources = tensor->sources};
}

std::optional<TensorSpec> WeightStore::find(std::string_view name) const {
  auto found = tensors_.find(name);
  if (found == tensors_.end()) found = tensors_.find(parse_scaled_weight(name).name);
  if (found == tensors_.end()) return std::nullopt;
  return found->second->spec;
}

ConstTensorView WeightStore::mapped(std::string_view name) const {
  const Named named = at(name);
  const bool as_stored = named.log2 == 0 && parse_scaled_weight(name).rows.empty();
  return {named.tensor.spec, as_stored ? named.tensor.data : nullptr};
}

void WeightStore::read(std::string_view name, DType dtype, std::byte* destination) const {
  const Named named = at(name);
  const Tensor& tensor = named.tensor;
  const int log2 = named.log2;
  const std::vector<RowScale> rows = parse_scaled_weight(name).rows;
  const bool as_stored = log2 == 0 && rows.empty();
  if (!readable_as(dtype) || !is_float(tensor.spec.dtype))
    fail(ErrorKind::Unsupported, "weight {}: expected a float tensor to read as f32, bf16 or f16, got {} to read as {}",
         in_quotes(name), to_string(tensor.spec.dtype), to_string(dtype));

  const size_t count = tensor.spec.shape.elements();
  if (!tensor.fill && as_stored) {
    convert(tensor.spec.dtype, tensor.data, dtype, destination, count);
  } else if (as_stored && dtype == DType::F32 && reinterpret_cast<uintptr_t>(destination) % alignof(float) == 0) {
    if (count != 0) tensor.fill(0, {reinterpret_cast<float*>(destination), count});
  } else {
    std::vector<float> scratch(std::min(count, kComputedAtOnce));
    for (size_t first = 0; first < count; first += scratch.size()) {
      const std::span<float> piece(scratch.data(), std::min(scratch.size(), count - first));
      fill(tensor, log2, first, piece);
      scale_rows(tensor.spec, rows, first, piece);
      convert(DType::F32, reinterpret_cast<const std::byte*>(piece.data()), dtype, destination + first * size_of(dtype),
              piece.size());
    }
  }
  for (const FileTensor& source : tensor.sources) source.file->check_intact();
}

size_t WeightStore::stored_bytes(std::string_view name) const { return bytes_of(at(name).tensor); }

void WeightStore::prefetch(std::string_view name) const {
  for (const FileTensor& source : at(name).tensor.sources) source.file->fetch_pages(source.bytes());
}

void WeightStore::release(std::string_view name) const {
  for (const FileTensor& source : at(name).tensor.sources) source.file->drop_pages(source.bytes());
}

}  // namespace newbie
