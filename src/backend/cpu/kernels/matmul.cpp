#include "backend/cpu/kernels/matmul.h"

#include <algorithm>

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/matmul.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

constexpr int64_t kVectors = 3;  // of a panel's row
// Rows whose sums fit into the registers beside a row of the panel and one value of x: 16 registers, or 32.
constexpr int64_t kRows = HWY_TARGET == HWY_AVX2 ? 4 : kRowsAtOnce;

int64_t panel_columns_here() { return kVectors * static_cast<int64_t>(hn::Lanes(FloatTag())); }

// Sums of R rows.
template <int64_t R, typename W>
HWY_INLINE void multiply_rows(const PanelProduct& p, const float* x, float* sums) {
  const FloatTag f;
  const auto lanes = static_cast<int64_t>(hn::Lanes(f));
  Floats s[R][kVectors];
  for (int64_t r = 0; r < R; ++r)
    for (int64_t v = 0; v < kVectors; ++v)
      s[r][v] = p.add ? hn::LoadU(f, sums + r * p.sums_stride + v * lanes) : hn::Zero(f);
  const W* panel = p.panel.as<W>();
  for (int64_t i = 0; i < p.depth; ++i, panel += kVectors * lanes) {
    Floats w[kVectors];
    for (int64_t v = 0; v < kVectors; ++v) w[v] = load(panel + v * lanes);
    for (int64_t r = 0; r < R; ++r) {
      const Floats value = hn::Set(f, x[r * p.x_stride + i]);
      for (int64_t v = 0; v < kVectors; ++v) s[r][v] = hn::MulAdd(value, w[v], s[r][v]);
    }
  }
  for (int64_t r = 0; r < R; ++r)
    for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(s[r][v], f, sums + r * p.sums_stride + v * lanes);
}

template <typename W>
void multiply_panel_as(const PanelProduct& p) {
  int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows)
    multiply_rows<kRows, W>(p, p.x + row * p.x_stride, p.sums + row * p.sums_stride);
  for (; row < p.rows; ++row) multiply_rows<1, W>(p, p.x + row * p.x_stride, p.sums + row * p.sums_stride);
}

void multiply_panel_here(const PanelProduct& p) {
  with_type(p.panel.dtype, [&](auto element) NEWBIE_LANES { multiply_panel_as<decltype(element)>(p); });
}

void store_sums_here(const float* sums, int64_t sums_stride, int64_t rows, int64_t columns, const float* bias, Target y,
                     int64_t y_stride) {
  with_type(y.dtype, [&](auto element) NEWBIE_LANES {
    auto* out = y.as<decltype(element)>();
    for (int64_t row = 0; row < rows; ++row)
      for_lanes(static_cast<size_t>(columns), [&](size_t i, auto lanes) NEWBIE_LANES {
        Floats v = lanes.read(sums + row * sums_stride + i);
        if (bias != nullptr) v = hn::Add(v, lanes.read(bias + i));
        lanes.write(v, out + row * y_stride + i);
      });
  });
}

void widen_rows_here(Source x, int64_t x_stride, int64_t rows, int64_t width, float* out, int64_t out_stride) {
  with_type(x.dtype, [&](auto element) NEWBIE_LANES {
    const auto* from = x.as<decltype(element)>();
    for (int64_t row = 0; row < rows; ++row)
      for_lanes(static_cast<size_t>(width), [&](size_t i, auto lanes) NEWBIE_LANES {
        lanes.write(lanes.read(from + row * x_stride + i), out + row * out_stride + i);
      });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(panel_columns_here);
HWY_EXPORT(multiply_panel_here);
HWY_EXPORT(store_sums_here);
HWY_EXPORT(widen_rows_here);

int64_t panel_columns() { return HWY_DYNAMIC_DISPATCH(panel_columns_here)(); }

void pack_panel(Source weight, int64_t n, int64_t k, int64_t column, std::byte* out) {
  const int64_t columns = panel_columns(), count = std::min(columns, n - column);
  const auto copy = [&](auto element) {
    using T = decltype(element);
    const T* from = weight.as<T>() + column * k;
    T* to = reinterpret_cast<T*>(out);
    std::fill(to, to + k * columns, T{});
    constexpr int64_t kSquare = 16;  // rows and columns that stay in the cache while they change places
    for (int64_t i = 0; i < k; i += kSquare)
      for (int64_t c = 0; c < count; ++c)
        for (int64_t at = i; at < std::min(k, i + kSquare); ++at) to[at * columns + c] = from[c * k + at];
  };
  weight.dtype == DType::BF16 ? copy(bf16_t{}) : copy(float{});
}

void multiply_panel(const PanelProduct& product) { HWY_DYNAMIC_DISPATCH(multiply_panel_here)(product); }

void store_sums(const float* sums, int64_t sums_stride, int64_t rows, int64_t columns, const float* bias, Target y,
                int64_t y_stride) {
  HWY_DYNAMIC_DISPATCH(store_sums_here)(sums, sums_stride, rows, columns, bias, y, y_stride);
}

void widen_rows(Source x, int64_t x_stride, int64_t rows, int64_t width, float* out, int64_t out_stride) {
  HWY_DYNAMIC_DISPATCH(widen_rows_here)(x, x_stride, rows, width, out, out_stride);
}

}  // namespace newbie::cpu
#endif
