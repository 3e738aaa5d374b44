// Who is next: a bounded line, fair between owners. Knows ids and names, no jobs, no threads, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace newbie {

// Owners take turns, and each owner's jobs come in their order: whoever sends a hundred waits for the first of the
// others no longer than one job of theirs.
class JobQueue {
 public:
  explicit JobQueue(size_t most) : most_(most) {}

  bool push(const std::string& owner, const std::string& id);     // false: full
  void restore(const std::string& owner, const std::string& id);  // of an earlier process: there is always room
  std::optional<std::string> peek() const;                        // who would be next; it stays
  std::optional<std::string> pop();
  bool remove(const std::string& id);    // false: not waiting
  bool to_front(const std::string& id);  // of its owner's jobs; false: not waiting

  size_t size() const;
  std::vector<std::string> order() const;  // as they would be taken if nothing changed

 private:
  struct Line {
    std::deque<std::string> ids;
    uint64_t last_served = 0;  // the turn when this owner was last served; 0: not since the line was empty
  };
  using Lines = std::map<std::string, Line>;
  const std::string* next_owner() const;  // null: nobody waits

  size_t most_;
  uint64_t turn_ = 0;
  Lines lines_;  // of owners that wait, or were served a moment ago
};

}  // namespace newbie
