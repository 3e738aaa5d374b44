#include "serve/memory_ledger.h"

namespace newbie {

bool MemoryLedger::reserve(const MemoryPlan& plan) {
  const size_t own = own_bytes(plan), shared = shared_bytes(plan);
  const size_t left = budget_ - std::min(budget_, shared);
  if (jobs_ > 0 && (reserved_ > left || own > left - reserved_)) return false;
  reserved_ += own;
  ++jobs_;
  return true;
}

void MemoryLedger::give_back(const MemoryPlan& plan) {
  reserved_ -= own_bytes(plan);
  --jobs_;
}

}  // namespace newbie
