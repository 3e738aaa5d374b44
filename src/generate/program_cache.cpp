#include "generate/program_cache.h"

#include <algorithm>

namespace newbie {

std::shared_ptr<const CachedProgram> ProgramCache::get(const ProgramKey& key) {
  const std::lock_guard lock(mutex_);
  auto it = items_.find(key);
  if (it == items_.end()) {
    if (const auto known = large_.find(key); known != large_.end())
      if (auto program = known->second.lock()) return program;
    auto made = std::make_shared<const CachedProgram>(CachedProgram{key, compile_(key)});
    if (made->program.memory().arena_bytes > largest_arena_) {
      large_[key] = made;
      return made;
    }
    if (items_.size() >= most_)
      items_.erase(std::ranges::min_element(items_, {}, [](const auto& item) { return item.second.used; }));
    it = items_.emplace(key, Item{std::move(made)}).first;
  }
  it->second.used = ++clock_;
  return it->second.program;
}

void ProgramCache::sweep() {
  size_t gone = 0;
  {
    // Whoever lets go of a job may hold locks of its own: it does not wait for one that is compiled meanwhile.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    gone = std::erase_if(large_, [](const auto& item) { return item.second.expired(); });
  }
  if (gone != 0) forget_();
}

size_t ProgramCache::size() const {
  const std::lock_guard lock(mutex_);
  return items_.size();
}

const CachedProgram& JobPrograms::get(ProgramKey key) {
  if (const auto& adapted = adapters_.over(row_of(network_of(key.graph)).part)) key.adapters = adapted->tag();
  auto it = programs_.find(key);
  if (it == programs_.end()) {
    stop_.throw_if_stopped();
    it = programs_.emplace(key, cache_.get(key)).first;
  }
  return *it->second;
}

}  // namespace newbie
