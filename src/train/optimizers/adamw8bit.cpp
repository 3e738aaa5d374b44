#include "train/optimizers/adamw8bit.h"

#include <algorithm>

#include "train/optimizers/dynamic_codes.h"

namespace newbie {

void adamw8bit(std::span<float> w, std::span<const float> g, CodedMoments s, const AdamWOptions& o, double lr,
               int64_t step) noexcept {
  float m[kCodeBlock], v[kCodeBlock];
  for (size_t block = 0; block < code_blocks(w.size()); ++block) {
    const size_t first = block * kCodeBlock, n = std::min(kCodeBlock, w.size() - first);
    const Moments wide{{m, n}, {v, n}};
    decode_block(s.m.subspan(first, n), CodeSign::Signed, s.m_scales[block], wide.m);
    decode_block(s.v.subspan(first, n), CodeSign::Unsigned, s.v_scales[block], wide.v);
    adamw(w.subspan(first, n), g.subspan(first, n), wide, o, lr, step);
    s.m_scales[block] = encode_block(wide.m, CodeSign::Signed, s.m.subspan(first, n));
    s.v_scales[block] = encode_block(wide.v, CodeSign::Unsigned, s.v.subspan(first, n));
  }
}

void clear(CodedMoments s) noexcept {
  const auto zero = [](CodeSign sign) {
    const auto& table = dynamic_codes(sign);
    return static_cast<uint8_t>(std::lower_bound(table.begin(), table.end(), 0.0f) - table.begin());
  };
  std::fill(s.m.begin(), s.m.end(), zero(CodeSign::Signed));
  std::fill(s.v.begin(), s.v.end(), zero(CodeSign::Unsigned));
  std::fill(s.m_scales.begin(), s.m_scales.end(), 0.0f);
  std::fill(s.v_scales.begin(), s.v_scales.end(), 0.0f);
}

}  // namespace newbie
