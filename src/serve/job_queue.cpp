#include "serve/job_queue.h"

#include <algorithm>

namespace newbie {

// The one served longest ago; of several, by name.
const std::string* JobQueue::next_owner() const {
  const std::pair<const std::string, Line>* best = nullptr;
  for (const auto& line : lines_)
    if (!line.second.ids.empty() && (best == nullptr || line.second.last_served < best->second.last_served))
      best = &line;
  return best == nullptr ? nullptr : &best->first;
}

size_t JobQueue::size() const {
  size_t count = 0;
  for (const auto& [owner, line] : lines_) count += line.ids.size();
  return count;
}

bool JobQueue::push(const std::string& owner, const std::string& id) {
  if (size() >= most_) return false;
  restore(owner, id);
  return true;
}

void JobQueue::restore(const std::string& owner, const std::string& id) { lines_[owner].ids.push_back(id); }

std::optional<std::string> JobQueue::peek() const {
  const std::string* owner = next_owner();
  if (owner == nullptr) return std::nullopt;
  return lines_.at(*owner).ids.front();
}

std::optional<std::string> JobQueue::pop() {
  const std::string* owner = next_owner();
  if (owner == nullptr) return std::nullopt;
  Line& line = lines_.at(*owner);
  std::string id = std::move(line.ids.front());
  line.ids.pop_front();
  line.last_served = ++turn_;
  // An owner whose line is empty is remembered for as long as others wait: coming back at once is no way to the front.
  if (size() == 0) lines_.clear();
  return id;
}

bool JobQueue::remove(const std::string& id) {
  for (auto& [owner, line] : lines_)
    if (const auto at = std::find(line.ids.begin(), line.ids.end(), id); at != line.ids.end()) {
      line.ids.erase(at);
      if (size() == 0) lines_.clear();
      return true;
    }
  return false;
}

bool JobQueue::to_front(const std::string& id) {
  for (auto& [owner, line] : lines_)
    if (const auto at = std::find(line.ids.begin(), line.ids.end(), id); at != line.ids.end()) {
      std::rotate(line.ids.begin(), at, at + 1);
      return true;
    }
  return false;
}

std::vector<std::string> JobQueue::order() const {
  JobQueue copy = *this;
  std::vector<std::string> out;
  while (std::optional<std::string> id = copy.pop()) out.push_back(std::move(*id));
  return out;
}

}  // namespace newbie
