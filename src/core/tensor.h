// What a tensor is (TensorSpec) and where its bytes are (TensorView). Neither owns memory.
#pragma once

#include <cstddef>
#include <span>

#include "core/dtype.h"
#include "core/shape.h"

namespace newbie {

struct TensorSpec {
  Shape shape;
  DType dtype = DType::F32;

  size_t bytes() const { return checked_mul(shape.elements(), size_of(dtype)); }
  bool operator==(const TensorSpec&) const = default;
};

// Contiguous, row-major. The bytes may be unaligned when they lie in a mapped file (see weights/).
struct TensorView {
  TensorSpec spec;
  std::byte* data = nullptr;

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  template <typename T>
  std::span<T> span() const {
    return {as<T>(), spec.shape.elements()};
  }
};

struct ConstTensorView {
  TensorSpec spec;
  const std::byte* data = nullptr;

  ConstTensorView() = default;
  ConstTensorView(TensorSpec s, const std::byte* d) : spec(s), data(d) {}
  ConstTensorView(const TensorView& v) : spec(v.spec), data(v.data) {}  // NOLINT: a view of a view

  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data);
  }
  template <typename T>
  std::span<const T> span() const {
    return {as<T>(), spec.shape.elements()};
  }
};

}  // namespace newbie
