#include "backend/reference/elements.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/float_formats.h"

namespace newbie::reference {

namespace {

template <typename T>
void read_as(const std::byte* from, size_t count, double* out) {
  for (size_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, from + i * sizeof(T), sizeof(T));  // mapped bytes may be unaligned
    out[i] = static_cast<double>(to_float(element));
  }
}

template <typename T, typename Round>
void write_as(std::byte* to, size_t count, const double* values, Round round) {
  for (size_t i = 0; i < count; ++i) {
    const T element = round(static_cast<float>(values[i]));
    std::memcpy(to + i * sizeof(T), &element, sizeof(T));
  }
}

}  // namespace

bool is_readable(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16 || dtype == DType::F16; }

void read(const ConstTensorView& view, size_t first, size_t count, double* out) {
  const std::byte* from = view.data + first * size_of(view.spec.dtype);
  switch (view.spec.dtype) {
    case DType::F32: return read_as<float>(from, count, out);
    case DType::BF16: return read_as<bf16_t>(from, count, out);
    case DType::F16: return read_as<f16_t>(from, count, out);
    default: fail(ErrorKind::Internal, "reference kernel reads {}", to_string(view.spec.dtype));
  }
}

void read_cyclic(const ConstTensorView& view, size_t first, size_t count, double* out) {
  const size_t period = view.spec.shape.elements();
  while (count != 0) {
    const size_t at = first % period;
    const size_t run = std::min(count, period - at);
    read(view, at, run, out);
    first += run;
    count -= run;
    out += run;
  }
}

void write(const TensorView& view, size_t first, size_t count, const double* values) {
  std::byte* to = view.data + first * size_of(view.spec.dtype);
  switch (view.spec.dtype) {
    case DType::F32: return write_as<float>(to, count, values, [](float x) { return x; });
    case DType::BF16: return write_as<bf16_t>(to, count, values, [](float x) { return to_bf16(x); });
    case DType::F16: return write_as<f16_t>(to, count, values, [](float x) { return to_f16(x); });
    default: fail(ErrorKind::Internal, "reference kernel writes {}", to_string(view.spec.dtype));
  }
}

double rounded(DType dtype, double x) { return static_cast<double>(round_to(dtype, static_cast<float>(x))); }

}  // namespace newbie::reference
