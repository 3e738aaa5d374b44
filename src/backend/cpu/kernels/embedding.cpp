#include "backend/cpu/kernels/embedding.h"

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/embedding.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

template <typename T, typename Y>
void table_rows_as(std::span<const int32_t> ids, const T* table, size_t width, float scale, Y* y) {
  for (size_t row = 0; row < ids.size(); ++row, y += width) {
    const T* from = table + static_cast<size_t>(ids[row]) * width;
    for_lanes(width, [&](size_t i, auto lanes)
                         NEWBIE_LANES { lanes.write(hn::Mul(lanes.read(from + i), all(scale)), y + i); });
  }
}

template <typename X, typename Y>
void column_sums_as(const X* x, size_t rows, size_t width, size_t columns, float divisor, Y* y) {
  for_lanes(columns, [&](size_t c, auto lanes) NEWBIE_LANES {
    Floats total = all(0.0f);
    for (size_t row = 0; row < rows; ++row) total = hn::Add(total, lanes.read(x + row * width + c));
    lanes.write(hn::Div(total, all(divisor)), y + c);
  });
}

void table_rows_here(std::span<const int32_t> ids, Source table, size_t width, float scale, Target y) {
  with_type(y.dtype, [&](auto to) NEWBIE_LANES {
    auto* out = y.as<decltype(to)>();
    if (table.dtype == DType::F16) return table_rows_as(ids, table.as<f16_t>(), width, scale, out);
    with_type(table.dtype,
              [&](auto from) NEWBIE_LANES { table_rows_as(ids, table.as<decltype(from)>(), width, scale, out); });
  });
}

void column_sums_here(Source x, size_t rows, size_t width, size_t columns, float divisor, Target y) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      column_sums_as(x.as<decltype(from)>(), rows, width, columns, divisor, y.as<decltype(to)>());
    });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(table_rows_here);
HWY_EXPORT(column_sums_here);

void table_rows(std::span<const int32_t> ids, Source table, size_t width, float scale, Target y) {
  HWY_DYNAMIC_DISPATCH(table_rows_here)(ids, table, width, scale, y);
}

void column_sums(Source x, size_t rows, size_t width, size_t columns, float divisor, Target y) {
  HWY_DYNAMIC_DISPATCH(column_sums_here)(x, rows, width, columns, divisor, y);
}

}  // namespace newbie::cpu
#endif
