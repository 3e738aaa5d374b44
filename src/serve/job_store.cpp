#include "serve/job_store.h"

namespace newbie {

void JobStore::add(std::shared_ptr<JobEntry> job) {
  const std::string id = job->view.id;
  jobs_[id] = order_.insert(order_.end(), std::move(job));
}

std::shared_ptr<JobEntry> JobStore::find(const std::string& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : *found->second;
}

bool JobStore::has_expired(const std::string& id) const { return expired_.contains(id); }

void JobStore::ended(const std::string& id, double now) {
  const std::shared_ptr<JobEntry> job = find(id);
  size_t bytes = 0;
  for (const JobPicture& picture : job->view.pictures) bytes += picture.file_bytes;
  bytes_ += bytes;
  ended_.push_back({id, now, bytes});
}

void JobStore::forget(const std::string& id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  order_.erase(found->second);
  jobs_.erase(found);
}

std::vector<std::shared_ptr<JobEntry>> JobStore::sweep(double now) {
  std::vector<std::shared_ptr<JobEntry>> removed;
  while (!ended_.empty()) {
    const Ended& oldest = ended_.front();
    const bool too_many = (bytes_ > limits_.bytes || ended_.size() > limits_.jobs) && ended_.size() > 1;
    if (!too_many && now - oldest.at < limits_.seconds) break;
    bytes_ -= oldest.bytes;
    removed.push_back(find(oldest.id));
    forget(oldest.id);
    expired_.insert(oldest.id);
    expired_order_.push_back(oldest.id);
    ended_.pop_front();
  }
  while (expired_order_.size() > kRemembered) {
    expired_.erase(expired_order_.front());
    expired_order_.pop_front();
  }
  return removed;
}

std::vector<std::shared_ptr<JobEntry>> JobStore::latest() const { return {order_.rbegin(), order_.rend()}; }

}  // namespace newbie
