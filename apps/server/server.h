// What all routes share: the engine, its jobs, and what the program was told.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api_keys.h"
#include "core/log.h"
#include "gate.h"
#include "generate/known.h"
#include "http/exchange.h"
#include "metrics.h"
#include "serve/job_service.h"
#include "slow_lane.h"
#include "text/prompt_tokens.h"

namespace newbie {

// What there is once the model is open. All of it may be used by several threads.
struct OpenModel {
  std::string name;    // the folder's: "avatar"
  double created = 0;  // seconds since 1970: of the folder
  std::unique_ptr<JobEngine> engine;
  PictureSize default_size{};
  int threads = 0;
  AdapterPlace adapters;         // whose names requests may use
  std::string precision;         // of its numbers: "bf16"
  std::string precision_preset;  // that decided them: "balanced"
  std::vector<std::string> precision_reasons;
  size_t memory_budget_bytes = 0;
  std::optional<KnownThings> known;  // sizes and words it was trained on
  std::function<PromptTokens(std::string_view text, const PromptTree& tree, const TokenOptions& options)> count_tokens;
  std::unique_ptr<JobService> jobs;  // last: it uses the engine
};

struct ServerLimits {
  size_t body_bytes = size_t{64} << 20;  // told; the HTTP side holds requests to it
  size_t prompt_bytes = 65536;
  DecodeLimits pictures{.max_side = 8192, .max_pixels = size_t{16} << 20, .max_text_bytes = size_t{4} << 20};
};

class Server {
 public:
  Server(GateOptions let_in, ApiKeys keys, ServerLimits given)
      : gate_options(std::move(let_in)), limits(given), keys_(std::make_shared<const ApiKeys>(std::move(keys))) {}

  const GateOptions gate_options;
  const ServerLimits limits;
  bool metrics_on = false;  // before the first request
  HttpCounters http_counters;
  SlowLane slow_lane{2};

  // Refusal{Loading} until open() was called.
  OpenModel& model() const;
  JobService& jobs() const { return *model().jobs; }
  bool is_open() const { return model_.load() != nullptr; }
  bool is_draining() const { return draining_; }
  void open(std::unique_ptr<OpenModel> model);
  void close();  // the model and its jobs go; what runs is stopped
  void drain();  // new jobs are refused from now on

  std::shared_ptr<const ApiKeys> keys() const;
  void replace_keys(ApiKeys keys);
  std::string owner(const Request& request) const { return owner_of(request, *keys()); }

 private:
  std::unique_ptr<OpenModel> owned_;
  std::atomic<OpenModel*> model_{nullptr};
  std::atomic<bool> draining_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<const ApiKeys> keys_;
};

}  // namespace newbie
