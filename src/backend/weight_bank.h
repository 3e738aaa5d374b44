// WeightBank: a network's weights in the layouts its kernels want, prepared once and shared by all programs of that
// network.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "core/allocator.h"
#include "core/stop_token.h"
#include "core/weight_source.h"

namespace newbie {

// One weight as one kernel operand wants it.
struct WeightUse {
  std::string name;
  TensorSpec spec;  // shape as the graph states it; dtype as the operand wants it
  WeightLayout layout;

  std::string key() const { return name + '|' + std::string(to_string(spec.dtype)) + '|' + layout.key; }
};

class WeightBank {
 public:
  // Both must outlive the bank.
  WeightBank(const WeightSource& source, Allocator& allocator) : source_(source), allocator_(allocator) {}

  // Prepares what is missing. Error{BadFile} when a weight is absent or has another shape. Pages of the file are given
  // back after a weight was copied.
  // `stop` is checked between weights; what is prepared by then stays.
  void prepare(const std::vector<WeightUse>& uses, ThreadPool& threads, StopToken stop = {});

  // The prepared bytes (valid while the bank lives), or null when `use` was not prepared.
  const std::byte* find(const WeightUse& use) const;

  // What prepare() would allocate for these uses from nothing, in this order; mapped weights that are used as they lie
  // cost none. Checks names and shapes as prepare() does, and reads no weight.
  struct Plan {
    size_t bytes = 0;       // when all is prepared
    size_t peak_bytes = 0;  // at the largest moment meanwhile, temporaries included
  };
  Plan plan(const std::vector<WeightUse>& uses) const;

  // Of these uses, those that are not prepared, each once.
  std::vector<WeightUse> missing(const std::vector<WeightUse>& uses) const;

  // Gives back what was prepared for these uses.
  void drop(const std::vector<WeightUse>& uses);

  size_t allocated_bytes() const { return allocated_; }

 private:
  struct Prepared {
    Buffer buffer;  // empty when the mapped bytes are used as they are
    const std::byte* data = nullptr;
  };
  TensorSpec stored_spec(const WeightUse& use) const;
  bool usable_as_mapped(const WeightUse& use) const;
  bool packs_from_mapped(const WeightUse& use) const;  // the mapped bytes are what a kernel's pack function reads

  const WeightSource& source_;
  Allocator& allocator_;
  std::map<std::string, Prepared> prepared_;
  size_t allocated_ = 0;
};

}  // namespace newbie
