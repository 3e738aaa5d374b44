#include "backend/weight_bank.h"

#include <algorithm>
#include <set>

namespace newbie {

TensorSpec WeightBank::stored_spec(const WeightUse& use) const {
  const auto spec = source_.find(use.name);
  if (!spec)
    fail_with_hint(ErrorKind::BadFile, "is this another model, or a file of another part?",
                   "{}: no such weight in the model's files", use.name);
  if (!(spec->shape == use.spec.shape))
    fail_with_hint(ErrorKind::BadFile, "another size of the model?", "{}: weight is {}, the configuration says {}",
                   use.name, spec->shape.str(), use.spec.shape.str());
  return *spec;
}

bool WeightBank::usable_as_mapped(const WeightUse& use) const {
  if (!use.layout.key.empty() || stored_spec(use).dtype != use.spec.dtype) return false;
  const ConstTensorView view = source_.mapped(use.name);
  return view.data != nullptr && reinterpret_cast<uintptr_t>(view.data) % size_of(use.spec.dtype) == 0;
}

size_t WeightBank::planned_bytes(const std::vector<WeightUse>& uses, size_t* staging_bytes) const {
  std::set<std::string> seen;
  size_t total = 0, staging = 0;
  for (const WeightUse& use : uses) {
    if (!seen.insert(use.key()).second || usable_as_mapped(use)) continue;
    total = checked_add(total, use.layout.key.empty() ? use.spec.bytes() : use.layout.bytes);
    if (!use.layout.key.empty()) staging = std::max(staging, use.spec.bytes());
  }
  if (staging_bytes != nullptr) *staging_bytes = staging;
  return total;
}

void WeightBank::prepare(const std::vector<WeightUse>& uses, ThreadPool& threads) {
  for (const WeightUse& use : uses) {
    const std::string key = use.key();
    if (prepared_.contains(key)) continue;
    Prepared item;
    if (usable_as_mapped(use)) {
      item.data = source_.mapped(use.name).data;
      prepared_.emplace(key, std::move(item));
      continue;
    }
    if (use.layout.key.empty()) {
      item.buffer = allocator_.allocate(use.spec.bytes(), "weights");
      source_.read(use.name, use.spec.dtype, item.buffer.data());
    } else {
      // The kernels' reorders want aligned row-major bytes of the operand's dtype; a mapped tensor often is just that.
      const ConstTensorView view = source_.mapped(use.name);
      const bool direct = view.data != nullptr && view.spec.dtype == use.spec.dtype &&
                          reinterpret_cast<uintptr_t>(view.data) % size_of(use.spec.dtype) == 0;
      stored_spec(use);
      Buffer staging;
      if (!direct) {
        staging = allocator_.allocate(use.spec.bytes(), "weight staging");
        source_.read(use.name, use.spec.dtype, staging.data());
      }
      item.buffer = allocator_.allocate(use.layout.bytes, "packed weights");
      use.layout.pack({use.spec, direct ? view.data : staging.data()}, item.buffer.data(), threads);
    }
    source_.release(use.name);
    item.data = item.buffer.data();
    allocated_ += item.buffer.size();
    prepared_.emplace(key, std::move(item));
  }
}

const std::byte* WeightBank::find(const WeightUse& use) const {
  const auto it = prepared_.find(use.key());
  return it == prepared_.end() ? nullptr : it->second.data;
}

}  // namespace newbie
