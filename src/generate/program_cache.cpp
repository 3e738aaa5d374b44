#include "generate/program_cache.h"

#include <algorithm>

#include "graph/ops/banded_conv2d.h"
#include "graph/ops/conv2d.h"

namespace newbie {

size_t columns_of(const Program& program) {
  size_t out = 0;
  for (const LoweredGraph::Step& step : program.lowered().steps)
    if (step.info.op == conv2d_op.name || step.info.op == banded_conv2d_op.name)
      out += static_cast<size_t>(step.output.spec.shape[1]);  // [rows, columns, channels]
  return out;
}

std::shared_ptr<const CachedProgram> ProgramCache::find(const ProgramKey& key) {
  const std::lock_guard lock(mutex_);
  if (const auto it = items_.find(key); it != items_.end()) {
    it->second.used = ++clock_;
    return it->second.program;
  }
  const auto known = large_.find(key);
  return known == large_.end() ? nullptr : known->second.lock();
}

std::shared_ptr<const CachedProgram> ProgramCache::get(const ProgramKey& key) {
  if (auto known = find(key)) return known;
  const std::lock_guard compiling(compiling_);
  if (auto known = find(key)) return known;  // somebody else had it compiled meanwhile
  auto made = std::make_shared<const CachedProgram>(CachedProgram{key, compile_(key)});
  if (keep(made)) forget_();
  return made;
}

bool ProgramCache::keep(std::shared_ptr<const CachedProgram> made) {
  const size_t columns = columns_of(made->program);
  const std::lock_guard lock(mutex_);
  if (made->program.memory().arena_bytes > limits_.arena_bytes || columns > limits_.columns / 4) {
    large_[made->key] = made;
    return false;
  }
  while (items_.size() >= limits_.programs || columns_ + columns > limits_.columns) {
    const auto oldest = std::ranges::min_element(items_, {}, [](const auto& item) { return item.second.used; });
    columns_ -= oldest->second.columns;
    columns_gone_ += oldest->second.columns;
    items_.erase(oldest);
  }
  columns_ += columns;
  const ProgramKey& key = made->key;
  items_.emplace(key, Item{std::move(made), columns, ++clock_});
  if (columns_gone_ <= limits_.columns / 4) return false;
  columns_gone_ = 0;
  return true;
}

void ProgramCache::sweep() {
  size_t gone = 0;
  {
    const std::lock_guard lock(mutex_);
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
