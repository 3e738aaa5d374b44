// What has happened to one job, numbered, for listeners that come late or come back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace newbie {

struct JobEvent {
  uint64_t id = 0;   // from 1, rising
  std::string name;  // "queued", "position", "stage", "step", "preview", "guard", "picture", "done", "error", …
  // As server-sent events write it, made once and shared by all who listen: "id: …\nevent: …\ndata: JSON\n\n".
  std::shared_ptr<const std::string> text;

  std::string_view data() const;  // the JSON
};

// Bounded: of previews and positions the last is kept, of steps the last kMostSteps; everything else is kept, and is
// bounded by what a job does.
class EventLog {
 public:
  static constexpr size_t kMostSteps = 64;

  void add(std::string_view name, const OrderedJson& data);
  // Those after `id`, oldest first; all of them for an id that was never given: it was another process's.
  std::vector<JobEvent> since(uint64_t id) const;
  uint64_t last_id() const { return next_ - 1; }

 private:
  void forget(std::string_view name, size_t keep);

  uint64_t next_ = 1;
  std::vector<JobEvent> events_;
};

}  // namespace newbie
