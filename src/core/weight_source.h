// WeightSource: where a program's weights come from, by name. weights/WeightStore reads them from files; tests make
// them up.
#pragma once

#include <optional>
#include <string_view>

#include "core/tensor.h"

namespace newbie {

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // Shape and stored dtype, or nothing when there is no such tensor.
  virtual std::optional<TensorSpec> find(std::string_view name) const = 0;

  // The stored bytes where they lie (read-only, perhaps unaligned), or data == nullptr when the tensor has to be
  // computed.
  virtual ConstTensorView mapped(std::string_view name) const = 0;

  // Reads the whole tensor as `dtype` (F32, BF16, F16) into `destination`, row-major. Error{BadFile} when there is no
  // such tensor.
  virtual void read(std::string_view name, DType dtype, std::byte* destination) const = 0;

  // What reading it reads of files: less than its size where it is stored narrowly.
  virtual size_t stored_bytes(std::string_view name) const {
    const auto spec = find(name);
    return spec ? spec->bytes() : 0;
  }

  // The tensor will be read next: the system may fetch its pages meanwhile.
  virtual void prefetch(std::string_view name) const { (void)name; }

  // The caller has what it needs of this tensor: its pages may be given back to the system.
  virtual void release(std::string_view name) const { (void)name; }
};

}  // namespace newbie
