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

// Row-major bytes of the operand's dtype, aligned, where they lie in a file.
bool WeightBank::packs_from_mapped(const WeightUse& use) const {
  if (stored_spec(use).dtype != use.spec.dtype) return false;
  const ConstTensorView view = source_.mapped(use.name);
  return view.data != nullptr && reinterpret_cast<uintptr_t>(view.data) % size_of(use.spec.dtype) == 0;
}

bool WeightBank::usable_as_mapped(const WeightUse& use) const {
  return packs_from_mapped(use) && use.layout.key.empty();
}

WeightBank::Plan WeightBank::plan(const std::vector<WeightUse>& uses) const {
  std::set<std::string> seen;
  Plan plan;
  for (const WeightUse& use : uses) {
    if (!seen.insert(use.key()).second || usable_as_mapped(use)) continue;
    const size_t bytes = use.layout.key.empty() ? use.spec.bytes() : use.layout.bytes;
    const size_t staging = use.layout.key.empty() || packs_from_mapped(use) ? 0 : use.spec.bytes();
    plan.bytes = checked_add(plan.bytes, bytes);
    plan.peak_bytes = std::max(plan.peak_bytes, checked_add(plan.bytes, staging));
  }
  return plan;
}

std::vector<WeightUse> WeightBank::missing(const std::vector<WeightUse>& uses) const {
  std::set<std::string> seen;
  std::vector<WeightUse> out;
  for (const WeightUse& use : uses) {
    const std::string key = use.key();
    if (!prepared_.contains(key) && seen.insert(key).second) out.push_back(use);
  }
  return out;
}

void WeightBank::drop(const std::vector<WeightUse>& uses) {
  for (const WeightUse& use : uses) {
    const auto it = prepared_.find(use.key());
    if (it == prepared_.end()) continue;
    allocated_ -= it->second.buffer.size();
    prepared_.erase(it);
  }
}

void WeightBank::prepare(const std::vector<WeightUse>& uses, ThreadPool& threads, StopToken stop) {
  for (const WeightUse& use : uses) {
    stop.throw_if_stopped();
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
      Buffer staging;
      const std::byte* row_major = nullptr;
      if (packs_from_mapped(use)) {
        row_major = source_.mapped(use.name).data;
      } else {
        staging = allocator_.allocate(use.spec.bytes(), "weight staging");
        source_.read(use.name, use.spec.dtype, staging.data());
        row_major = staging.data();
      }
      item.buffer = allocator_.allocate(use.layout.bytes, "packed weights");
      use.layout.pack({use.spec, row_major}, item.buffer.data(), threads);
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
