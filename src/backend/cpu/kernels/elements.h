// Elements in memory as the vector kernels see them: a pointer and its dtype, read as f32 and stored rounded.
#pragma once

#include "core/tensor.h"

namespace newbie::cpu {

struct Source {
  const std::byte* data = nullptr;
  DType dtype = DType::F32;

  Source() = default;
  Source(const std::byte* d, DType t) : data(d), dtype(t) {}
  explicit Source(const ConstTensorView& view) : data(view.data), dtype(view.spec.dtype) {}

  Source at(size_t element) const { return {data + element * size_of(dtype), dtype}; }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data);
  }
};

struct Target {
  std::byte* data = nullptr;
  DType dtype = DType::F32;

  Target() = default;
  Target(std::byte* d, DType t) : data(d), dtype(t) {}
  explicit Target(const TensorView& view) : data(view.data), dtype(view.spec.dtype) {}

  Target at(size_t element) const { return {data + element * size_of(dtype), dtype}; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
};

// What every vector kernel reads and writes.
constexpr bool is_vector_dtype(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16; }

}  // namespace newbie::cpu
