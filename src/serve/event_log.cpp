#include "serve/event_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace newbie {

namespace {

constexpr std::string_view kBeforeData = "data: ", kAfterData = "\n\n";

}  // namespace

std::string_view JobEvent::data() const {
  const std::string_view all = *text;
  const size_t begin = all.find(kBeforeData) + kBeforeData.size();  // what stands before it is ours
  return all.substr(begin, all.size() - begin - kAfterData.size());
}

void EventLog::add(std::string_view name, const OrderedJson& data) {
  if (name == "preview" || name == "position") forget(name, 0);
  if (name == "step") forget(name, kMostSteps - 1);
  // What a prompt or a message holds may be no UTF-8.
  const std::string json = data.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  auto text = std::make_shared<const std::string>(
      fmt::format("id: {}\nevent: {}\n{}{}{}", next_, name, kBeforeData, json, kAfterData));
  events_.push_back({next_++, std::string(name), std::move(text)});
}

// All but the last `keep` of that name.
void EventLog::forget(std::string_view name, size_t keep) {
  const auto is_one = [&](const JobEvent& event) { return event.name == name; };
  for (auto count = std::count_if(events_.begin(), events_.end(), is_one); count > static_cast<ptrdiff_t>(keep);
       --count)
    events_.erase(std::find_if(events_.begin(), events_.end(), is_one));
}

std::vector<JobEvent> EventLog::since(uint64_t id) const {
  if (id > last_id()) return events_;
  const auto first = std::upper_bound(events_.begin(), events_.end(), id,
                                      [](uint64_t value, const JobEvent& event) { return value < event.id; });
  return {first, events_.end()};
}

}  // namespace newbie
