#include "server.h"

namespace newbie {

OpenModel& Server::model() const {
  OpenModel* model = model_.load();
  if (model == nullptr) throw Refusal(Refused::Loading, "the model is not open yet", "GET /ready tells when it is", 5);
  return *model;
}

void Server::open(std::unique_ptr<OpenModel> model) {
  owned_ = std::move(model);
  if (draining_) owned_->jobs->drain();
  model_ = owned_.get();
}

void Server::close() {
  draining_ = true;
  slow_lane.stop();
  if (owned_) owned_->jobs.reset();
}

void Server::drain() {
  draining_ = true;
  if (is_open()) jobs().drain();
}

std::shared_ptr<const ApiKeys> Server::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

void Server::replace_keys(ApiKeys keys) {
  auto made = std::make_shared<const ApiKeys>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(made);
}

}  // namespace newbie
