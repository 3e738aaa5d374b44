// PackedWeights: weights that an earlier run prepared, to be used where they lie. generate/weight_cache.h keeps them in
// files; tests make them up.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace newbie {

class PackedWeights {
 public:
  virtual ~PackedWeights() = default;

  // Of WeightUse::key(): the prepared bytes, aligned to 64, perhaps with others behind them; empty when there are none.
  virtual std::span<const std::byte> find(std::string_view key) const = 0;

  // These and what reading them brings into memory around them.
  virtual std::span<const std::byte> around(std::string_view key) const { return find(key); }

  // They will be read next: the system may fetch their pages meanwhile.
  virtual void prefetch(std::string_view key) const { (void)key; }
  // They are read now: to wait for their pages once is quicker than page by page.
  virtual void load(std::string_view key) const { (void)key; }
  // Nobody reads them now: their pages may be given back to the system.
  virtual void release(std::string_view key) const { (void)key; }
};

}  // namespace newbie
