#include "graph/constant.h"

#include <algorithm>

namespace newbie {

void Constant::fill(size_t first, std::span<float> out) const {
  if (!rule_) {
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
    return;
  }
  (*rule_)(first, out);
  if (turned_) std::ranges::transform(out, out.begin(), std::negate());
}

std::vector<float> Constant::values() const {
  std::vector<float> out(size_);
  fill(0, out);
  return out;
}

Constant Constant::negated() const {
  Constant out = *this;
  out.turned_ = rule_ != nullptr && !turned_;
  std::ranges::transform(out.values_, out.values_.begin(), std::negate());
  return out;
}

bool Constant::is_negated(const Constant& other) const {
  if (rule_ != other.rule_) return false;
  return rule_ ? turned_ != other.turned_ : std::ranges::equal(values_, other.values_, {}, std::negate());
}

}  // namespace newbie
