#include "memory_log.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/machine.h"

namespace newbie {

namespace {

constexpr size_t kMaxLogBytes = size_t{256} << 20;

// What the beginning of a stage is better known as.
struct PointName {
  std::string_view stage;
  const char* name;
};
constexpr PointName kBeginnings[] = {{"gemma", "before encoders"},
                                     {"context", "after encoders"},
                                     {"denoise", "before denoising"},
                                     {"decode", "after denoising"}};

std::string beginning_of(std::string_view stage) {
  const auto known = std::ranges::find(kBeginnings, stage, &PointName::stage);
  return known != std::end(kBeginnings) ? known->name : fmt::format("before {}", stage);
}

OrderedJson point_json(const MemoryPoint& p) {
  OrderedJson out{{"point", p.name}, {"seconds", p.seconds}};
  if (!p.stage.empty()) out["stage"] = p.stage;
  if (p.step != 0) out["step"] = p.step;
  out["resident_bytes"] = p.resident_bytes;
  out["peak_resident_bytes"] = p.peak_resident_bytes;
  out["allocated_bytes"] = p.allocated_bytes;
  out["weights_bytes"] = p.weights_bytes;
  out["arena_and_buffer_bytes"] = p.allocated_bytes - p.weights_bytes;
  if (p.planned_bytes != 0) out["planned_bytes"] = p.planned_bytes;
  return out;
}

// Json::exception and Error when it is not one.
MemoryPoint point_of(const Json& json) {
  MemoryPoint out;
  json.at("point").get_to(out.name);
  json.at("seconds").get_to(out.seconds);
  out.stage = json.value("stage", "");
  if (json.contains("step")) get_whole_number(json, "step", out.step);
  get_whole_number(json, "resident_bytes", out.resident_bytes);
  get_whole_number(json, "peak_resident_bytes", out.peak_resident_bytes);
  get_whole_number(json, "allocated_bytes", out.allocated_bytes);
  get_whole_number(json, "weights_bytes", out.weights_bytes);
  if (json.contains("planned_bytes")) get_whole_number(json, "planned_bytes", out.planned_bytes);
  return out;
}

}  // namespace

MemoryRecord parse_memory_log(std::string_view text, const std::string& where) {
  MemoryRecord out;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const std::string place = fmt::format("{}:{}", where, number);
    const Json json = parse_json(line, place);
    std::string reason;
    try {
      out.points.push_back(point_of(json));
      out.precision = json.value("precision", out.precision);
      if (json.contains("threads")) get_whole_number(json, "threads", out.threads);
      continue;
    } catch (const Json::exception& e) {
      reason = e.what();
    } catch (const Error& e) {
      reason = e.message();
    }
    fail_with_hint(ErrorKind::BadFile, "files of newbie generate --memory-log are expected",
                   "{}: not a point of a memory log: {}", place, reason);
  }
  if (out.points.empty()) fail(ErrorKind::BadFile, "{}: no lines", where);
  return out;
}

MemoryRecord read_memory_log(const std::filesystem::path& path) {
  return parse_memory_log(read_file(path, kMaxLogBytes), path.string());
}

MemoryLog::MemoryLog(std::optional<std::filesystem::path> path, Log& log) : path_(std::move(path)), log_(log) {
  if (path_) note("before loading");
}

void MemoryLog::begin() {
  if (path_) write_file_atomically(*path_, text_);
}

void MemoryLog::opened(const TextToImage& engine) {
  if (!path_) return;
  engine_ = &engine;
  note("after opening");
}

void MemoryLog::planned(const Job& job) {
  job_ = &job;
  for (const StagePlan& stage : job.plan().stages)
    planned_[stage.name()] = std::max(planned_[stage.name()], stage.peak_bytes());
}

void MemoryLog::ended() noexcept { job_ = nullptr; }

RunObserver& MemoryLog::watch(RunObserver& next) {
  next_ = &next;
  return path_ ? static_cast<RunObserver&>(*this) : next;
}

void MemoryLog::finish() {
  if (!path_) return;
  stage_.clear();
  note("after decoding");
  write();
}

void MemoryLog::on_stage(const RunPlace& at) {
  next_->on_stage(at);
  if (at.stage == StageKind::Save) return;  // the caller's own
  stage_ = to_string(at.stage);
  told_running_ = false;
  note(beginning_of(stage_));
  write();
}

void MemoryLog::on_step(const RunPlace& at, double seconds) {
  next_->on_step(at, seconds);
  note("step", at.evaluation);
}

void MemoryLog::on_run(const RunPlace& /*at*/, std::string_view /*part*/, const Program& /*program*/,
                       const Bindings& /*bindings*/) {
  if (told_running_) return;
  told_running_ = true;
  note(stage_ + " running");
}

void MemoryLog::note(std::string name, int step) {
  MemoryPoint point{.name = std::move(name),
                    .stage = stage_,
                    .step = step,
                    .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(),
                    .resident_bytes = resident_bytes(),
                    .peak_resident_bytes = peak_resident_bytes(),
                    .allocated_bytes = engine_ != nullptr ? engine_->allocated_bytes() : 0,
                    .weights_bytes = job_ != nullptr ? job_->weights_bytes() : 0};
  if (const auto it = planned_.find(stage_); it != planned_.end()) point.planned_bytes = it->second;
  OrderedJson line = point_json(point);
  if (point.name == "after opening") {
    line["precision"] = engine_->precision_name();
    line["threads"] = engine_->threads();
  }
  text_ += line.dump() + '\n';
}

// The picture matters more than its log.
void MemoryLog::write() {
  try {
    write_file_atomically(*path_, text_);
  } catch (const Error& e) {
    log_.warn("--memory-log: {}", e.message());
  }
}

}  // namespace newbie
