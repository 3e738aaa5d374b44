// Who has been promised which memory. A job draws once what its plan says is set aside for it, and gives it back after.
#pragma once

#include <cstddef>

#include "generate/memory_plan.h"

namespace newbie {

class MemoryLedger {
 public:
  explicit MemoryLedger(size_t budget_bytes) : budget_(budget_bytes) {}

  // What of a plan is a job's own: program, libraries and mapped tables are there once for all of them.
  static size_t own_bytes(const MemoryPlan& plan) {
    return plan.picture_bytes + plan.largest_stage().resident_peak_bytes();
  }
  static size_t shared_bytes(const MemoryPlan& plan) { return plan.process_bytes + plan.mapped_bytes; }

  // Sets a plan's memory aside; false when what is left does not do. The only job fits always: its plan was made
  // against the budget.
  bool reserve(const MemoryPlan& plan);
  void give_back(const MemoryPlan& plan);

  size_t reserved_bytes() const { return reserved_; }
  size_t jobs() const { return jobs_; }

 private:
  size_t budget_;
  size_t reserved_ = 0;
  size_t jobs_ = 0;
};

}  // namespace newbie
