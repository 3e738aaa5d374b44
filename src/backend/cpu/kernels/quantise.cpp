#include "backend/cpu/kernels/quantise.h"

#include <bit>

#include "backend/cpu/kernels/highway_targets.h"
#include "core/quantise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/quantise.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

// Bits of magnitudes are in order of size: infinity and NaN are the largest.
template <typename T>
HWY_INLINE float largest_magnitude(const T* row, size_t width) {
  const hn::Rebind<uint32_t, FloatTag> wide;
  const auto magnitude = hn::Set(wide, 0x7FFFFFFFu);
  auto most = hn::Zero(wide);
  for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
    most = hn::Max(most, hn::And(hn::BitCast(wide, lanes.read(row + i)), magnitude));
  });
  return std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(wide, most)));
}

template <typename T>
float quantise(const T* row, size_t width, size_t padded, uint8_t flip, uint8_t* out) {
  const hn::Rebind<int8_t, FloatTag> narrow;
  const hn::Rebind<uint8_t, FloatTag> bytes;
  const Int8Scale scale(largest_magnitude(row, width));
  const Floats inverse = all(scale.inverse);
  const auto flips = hn::Set(bytes, flip);
  const size_t step = hn::Lanes(FloatTag());
  for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
    const auto q = hn::DemoteTo(narrow, hn::NearestInt(hn::Mul(lanes.read(row + i), inverse)));
    const auto stored = hn::Xor(hn::BitCast(bytes, q), flips);
    if (i + step <= padded) {
      hn::StoreU(stored, bytes, out + i);
    } else {
      uint8_t rest[HWY_LANES(float)];
      hn::StoreU(stored, bytes, rest);
      std::memcpy(out + i, rest, padded - i);
    }
  });
  if (padded > width) std::memset(out + width, flip, padded - width);
  return scale.scale;
}

float quantise_row_here(Source row, size_t width, size_t padded, NumberForm form, std::byte* out) {
  float scale = 0;
  with_type(row.dtype, [&](auto element) NEWBIE_LANES {
    scale = quantise(row.as<decltype(element)>(), width, padded, static_cast<uint8_t>(form),
                     reinterpret_cast<uint8_t*>(out));
  });
  return scale;
}

void scale_sums_here(const int32_t* sums, size_t width, QuantisedColumns columns, float row_scale, const float* bias,
                     Target y) {
  const FloatTag d;
  const hn::Rebind<int32_t, FloatTag> whole;
  const Floats of_row = all(row_scale);
  const auto load_whole = [&](const int32_t* from, size_t count) NEWBIE_LANES {
    if (count == hn::Lanes(whole)) return hn::LoadU(whole, from);
    int32_t padded[HWY_LANES(float)] = {};
    std::memcpy(padded, from, count * sizeof(int32_t));
    return hn::LoadU(whole, padded);
  };
  with_type(y.dtype, [&](auto element) NEWBIE_LANES {
    auto* out = y.as<decltype(element)>();
    for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
      const size_t count = HWY_MIN(width - i, hn::Lanes(d));
      const auto sum = hn::Sub(load_whole(sums + i, count), load_whole(columns.shifts + i, count));
      Floats v = hn::Mul(hn::ConvertTo(d, sum), hn::Mul(of_row, lanes.read(columns.scales + i)));
      if (bias != nullptr) v = hn::Add(v, lanes.read(bias + i));
      lanes.write(v, out + i);
    });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(quantise_row_here);
HWY_EXPORT(scale_sums_here);

float quantise_row(Source row, size_t width, size_t padded, NumberForm form, std::byte* out) {
  return HWY_DYNAMIC_DISPATCH(quantise_row_here)(row, width, padded, form, out);
}

void scale_sums(const int32_t* sums, size_t width, QuantisedColumns columns, float row_scale, const float* bias,
                Target y) {
  HWY_DYNAMIC_DISPATCH(scale_sums_here)(sums, width, columns, row_scale, bias, y);
}

}  // namespace newbie::cpu
#endif
