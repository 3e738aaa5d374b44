// An engine that draws at once, or only as far as a test lets it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "serve/job_engine.h"

namespace newbie {

// Its pictures are 16x16 of one colour, the seed's. A plan takes one byte a pixel of the request, 1000 bytes a process.
class MadeUpEngine : public JobEngine {
 public:
  size_t budget = 1 << 20;
  bool fails = false;
  uint64_t brighter = 0;

  std::unique_ptr<PreparedDrawing> prepare(const GenerateRequest& r, Log& log, StopToken stop) override {
    return std::make_unique<Drawing>(*this, r, log, plan(r, stop));
  }
  PictureSize final_size(const GenerateRequest& r) override {
    const double scale = r.hires_scale > 0 ? r.hires_scale : 1;
    return {static_cast<int64_t>((r.width ? r.width : 64) * scale),
            static_cast<int64_t>((r.height ? r.height : 64) * scale)};
  }
  // One level brighter than this one's.
  std::unique_ptr<JobEngine> in_precision(const std::string& preset) override {
    if (preset != "exact") fail(ErrorKind::InvalidRequest, "there is no precision '{}'", preset);
    auto out = std::make_unique<MadeUpEngine>();
    out->brighter = 1;
    return out;
  }

  static Image picture(uint64_t seed) {
    return {16, 16, 3, std::vector<uint8_t>(16 * 16 * 3, static_cast<uint8_t>(seed))};
  }

  // From now on every step waits for allow().
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void allow(int steps) {
    const std::lock_guard lock(mutex_);
    allowed_ += steps;
    changed_.notify_all();
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }
  void wait_for_planning(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return planning_ >= count; });
  }
  void wait_for_no_planning() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return planning_ == 0; });
  }
  GenerateRequest last_request() {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  int prepared() {  // requests, so far
    const std::lock_guard lock(mutex_);
    return prepared_;
  }
  // The prompts drawn so far, once there are as many.
  std::vector<std::string> wait_for_started(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return started_.size() >= count; });
    return started_;
  }
  std::vector<std::string> started() {
    const std::lock_guard lock(mutex_);
    return started_;
  }

 private:
  struct Drawing : PreparedDrawing {
    Drawing(MadeUpEngine& made, const GenerateRequest& r, Log& l, MemoryPlan p)
        : engine(made), request(r), log(l), planned(std::move(p)) {
      const std::lock_guard lock(engine.mutex_);
      ++engine.prepared_;
    }
    const MemoryPlan& plan() const override { return planned; }
    GenerateResult draw(RunObserver& observer, StopToken stop, const OnImage& on_image) override {
      return engine.draw(request, observer, log, stop, on_image);
    }

    MadeUpEngine& engine;
    GenerateRequest request;
    Log& log;
    MemoryPlan planned;
  };

  MemoryPlan plan(const GenerateRequest& r, StopToken stop) {
    if (r.prompt == "hard to plan") {
      std::unique_lock lock(mutex_);
      ++planning_;
      changed_.notify_all();
      while (held_ && !stop.stop_requested()) changed_.wait_for(lock, std::chrono::milliseconds(1));
      --planning_;
      changed_.notify_all();
      stop.throw_if_stopped();
    }
    MemoryPlan out;
    const PictureSize size = final_size(r);
    out.process_bytes = 1000;
    out.budget_bytes = budget;
    out.stages.push_back(
        {.stage = StageKind::FirstPass, .buffer_bytes = static_cast<size_t>(size.width * size.height * r.batch)});
    if (out.peak_bytes() > budget) fail(ErrorKind::OverBudget, "{} bytes are needed", out.peak_bytes());
    return out;
  }
  GenerateResult draw(const GenerateRequest& r, RunObserver& observer, Log& log, StopToken stop,
                      const PreparedDrawing::OnImage& on_image) {
    {
      const std::lock_guard lock(mutex_);
      started_.push_back(r.prompt);
      last_ = r;
    }
    changed_.notify_all();
    GenerateResult out;
    if (r.prompt == "doubtful") log.warn("{} is doubtful", r.prompt);
    observer.on_stage({.stage = StageKind::Gemma});
    observer.on_stage({.stage = StageKind::FirstPass});
    for (int k = 0; k < r.batch; ++k) {
      for (int step = 1; step <= r.steps; ++step) {
        wait_for_step(stop);
        stop.throw_if_stopped();
        if (fails) fail(ErrorKind::BadFile, "a weight is no number");
        const RunPlace at{.stage = StageKind::FirstPass,
                          .picture = k,
                          .pictures = r.batch,
                          .evaluation = step,
                          .evaluations = r.steps};
        observer.on_step(at, 0.5);
        if (k == 0 && step == 1) observer.on_guard(at, {"transformer.layers.7", "infinite", "run again in f32", 0, 1});
        if (r.preview_every > 0 && observer.wants_preview(at))
          observer.on_preview(at, {step, r.steps, picture(r.seed)});
        ++out.evaluations;
      }
      const uint64_t seed = r.seed + static_cast<uint64_t>(k);
      on_image({picture(seed + brighter), seed, "Steps: 2", R"({"seed":1})"});
    }
    out.times.push_back({"denoise", 1.5});
    return out;
  }

  void wait_for_step(const StopToken& stop) {
    std::unique_lock lock(mutex_);
    // `stop` wakes nobody: looked at now and then, as the engine does between ops.
    while (held_ && allowed_ == 0 && !stop.stop_requested()) changed_.wait_for(lock, std::chrono::milliseconds(1));
    if (held_ && allowed_ > 0) --allowed_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int allowed_ = 0, planning_ = 0, prepared_ = 0;
  std::vector<std::string> started_;
  GenerateRequest last_;
};

}  // namespace newbie
