#include "train/parameters.h"

#include <algorithm>

#include "core/error.h"
#include "core/float_formats.h"

namespace newbie {

Parameters::Parameters(std::vector<Parameter> list) : list_(std::move(list)) {
  std::sort(list_.begin(), list_.end(), [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
  for (size_t i = 0; i < list_.size(); ++i) {
    if (list_[i].values.size() != list_[i].shape.elements())
      fail(ErrorKind::Internal, "parameter {} has {} values", list_[i].name, list_[i].values.size());
    if (i > 0 && list_[i - 1].name == list_[i].name)
      fail(ErrorKind::Internal, "parameter {} is there twice", list_[i].name);
  }
}

const Parameter* Parameters::find(std::string_view name) const {
  const auto at = std::lower_bound(list_.begin(), list_.end(), name,
                                   [](const Parameter& p, std::string_view n) { return p.name < n; });
  return at != list_.end() && at->name == name ? &*at : nullptr;
}

size_t Parameters::elements() const {
  size_t count = 0;
  for (const Parameter& p : list_) count += p.values.size();
  return count;
}

std::optional<TensorSpec> TrainedWeights::find(std::string_view name) const {
  if (const Parameter* p = trained_.find(name)) return TensorSpec{p->shape, DType::F32};
  return base_.find(name);
}

ConstTensorView TrainedWeights::mapped(std::string_view name) const {
  if (const Parameter* p = trained_.find(name))
    return {{p->shape, DType::F32}, reinterpret_cast<const std::byte*>(p->values.data())};
  return base_.mapped(name);
}

void TrainedWeights::read(std::string_view name, DType dtype, std::byte* destination) const {
  if (const Parameter* p = trained_.find(name))
    return convert(DType::F32, reinterpret_cast<const std::byte*>(p->values.data()), dtype, destination,
                   p->values.size());
  base_.read(name, dtype, destination);
}

void TrainedWeights::prefetch(std::string_view name) const {
  if (trained_.find(name) == nullptr) base_.prefetch(name);
}

void TrainedWeights::release(std::string_view name) const {
  if (trained_.find(name) == nullptr) base_.release(name);
}

}  // namespace newbie
