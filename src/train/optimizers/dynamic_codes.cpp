#include "train/optimizers/dynamic_codes.h"

#include <algorithm>
#include <cmath>

namespace newbie {

namespace {

// Decade i of 7 has 2^i (signed) or 2^(i + 1) (unsigned) fractions: the middles of equal parts of [0.1, 1].
std::array<float, 256> make_codes(CodeSign sign) {
  constexpr int kDecades = 7;
  std::array<float, 256> out{};
  size_t at = 0;
  for (int decade = 0; decade < kDecades; ++decade) {
    const int fractions = sign == CodeSign::Signed ? 1 << decade : 2 << decade;
    for (int k = 0; k < fractions; ++k) {
      const double middle = 0.1 + 0.9 * (static_cast<double>(k) + 0.5) / fractions;
      const auto value = static_cast<float>(middle * std::pow(10.0, decade - (kDecades - 1)));
      out[at++] = value;
      if (sign == CodeSign::Signed) out[at++] = -value;
    }
  }
  out[at++] = 0.0f;
  out[at++] = 1.0f;
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

const std::array<float, 256>& dynamic_codes(CodeSign sign) {
  static const std::array<float, 256> both = make_codes(CodeSign::Signed), positive = make_codes(CodeSign::Unsigned);
  return sign == CodeSign::Signed ? both : positive;
}

float encode_block(std::span<const float> values, CodeSign sign, std::span<uint8_t> codes) noexcept {
  const std::array<float, 256>& table = dynamic_codes(sign);
  float scale = 0;
  for (float v : values) scale = std::max(scale, std::abs(v));
  for (size_t i = 0; i < values.size(); ++i) {
    const float x = scale == 0.0f ? 0.0f : values[i] / scale;
    auto above = std::lower_bound(table.begin(), table.end(), x);
    if (above == table.end()) --above;
    if (above != table.begin() && x - *(above - 1) <= *above - x) --above;
    codes[i] = static_cast<uint8_t>(above - table.begin());
  }
  return scale;
}

void decode_block(std::span<const uint8_t> codes, CodeSign sign, float scale, std::span<float> values) noexcept {
  const std::array<float, 256>& table = dynamic_codes(sign);
  for (size_t i = 0; i < codes.size(); ++i) values[i] = table[codes[i]] * scale;
}

}  // namespace newbie
