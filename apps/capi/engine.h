// An engine as C programs hold it: the opened model, and what keeps its calls apart.
#pragma once

#include <atomic>
#include <memory>

#include "bridge.h"
#include "generate/text_to_image.h"

namespace newbie {

class MessageLog : public Log {
 public:
  explicit MessageLog(const newbie_options& options) : on_message_(options.on_message), user_(options.user) {}
  void write(LogLevel level, std::string_view words) override {
    if (on_message_ != nullptr) on_message_(user_, level == LogLevel::Warning, std::string(words).c_str());
  }

 private:
  decltype(newbie_options::on_message) on_message_;
  void* user_;
};

// What jobs keep, too.
struct OpenEngine {
  OpenEngine(const newbie_options& o, ModelPaths from, const EngineOptions& options)
      : log(o),
        paths(std::move(from)),
        memory_budget_bytes(options.memory_budget_bytes),
        engine(TextToImage::open(paths, options, log)) {}

  MessageLog log;
  const ModelPaths paths;
  const size_t memory_budget_bytes;
  TextToImage engine;
  std::atomic<bool> busy{false};
};

// One call at a time: a second one, from another thread or from a callback, is refused and not queued.
class OneCall {
 public:
  explicit OneCall(OpenEngine& engine) : engine_(engine) {
    if (engine_.busy.exchange(true)) fail(ErrorKind::InvalidRequest, "the engine is busy with another call");
  }
  ~OneCall() { engine_.busy = false; }
  OneCall(const OneCall&) = delete;
  OneCall& operator=(const OneCall&) = delete;

 private:
  OpenEngine& engine_;
};

}  // namespace newbie

struct newbie_engine {
  std::shared_ptr<newbie::OpenEngine> open;
  std::atomic<bool> stop{false};  // of newbie_generate
  static_assert(std::atomic<bool>::is_always_lock_free, "newbie_stop is for signal handlers");
};
