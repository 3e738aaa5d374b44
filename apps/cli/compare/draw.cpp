#include "compare/draw.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <map>
#include <span>

#include "backend/program.h"
#include "core/files.h"
#include "core/machine.h"
#include "generate/find_model.h"
#include "generate/metadata.h"
#include "image/picture_format.h"
#include "weights/formats/safetensors.h"
#include "weights/safetensors_writer.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kTurn = 16;  // pictures of one row before the next has its turn
constexpr size_t kMaxPictureBytes = size_t{1} << 30;
constexpr size_t kSampled = 4096;  // elements of a value that are compared, evenly spaced

// The end of a block, as checkpoints number them, and what leaves a network (a name without a dot). Lists of plain
// layers ("mlp.0") are numbered, too, but are no blocks.
bool is_compared(const std::string& path) {
  const size_t dot = path.rfind('.');
  if (dot == path.npos) return true;
  if (path.find_first_not_of("0123456789", dot + 1) != path.npos) return false;
  const std::string_view before = std::string_view(path).substr(0, dot);
  return !before.ends_with("mlp") && !before.ends_with("adaLN_modulation") && !before.ends_with("embedder");
}

// Numbers by name: kept of the reference, looked up by the others.
class NumberFile {
 public:
  void add(const std::string& name, std::vector<float> values) { kept_.emplace(name, std::move(values)); }

  void write(const fs::path& path) const {
    std::vector<NamedTensor> tensors;
    for (const auto& [name, values] : kept_)
      tensors.push_back({name,
                         {{Shape{static_cast<int64_t>(values.size())}, DType::F32},
                          reinterpret_cast<const std::byte*>(values.data())}});
    write_safetensors(path, tensors);
  }

 private:
  std::map<std::string, std::vector<float>> kept_;
};

// The same, kept on the disk until it is written: what is looked into while a picture is drawn is no part of its plan.
class SpilledNumbers {
 public:
  // Beside `path`, where write() is going to put the file.
  explicit SpilledNumbers(const fs::path& path) : path_(path), spill_path_(path) { spill_path_ += ".spill"; }
  ~SpilledNumbers() {
    std::error_code ignored;
    if (committed_) fs::remove(spill_path_, ignored);
  }
  SpilledNumbers(const SpilledNumbers&) = delete;
  SpilledNumbers& operator=(const SpilledNumbers&) = delete;

  void add(const std::string& name, std::span<const float> values) {
    if (failed_ || !places_.emplace(name, Place{bytes_, values.size_bytes()}).second) return;
    bytes_ += values.size_bytes();
    try {
      if (!spill_) {
        fs::create_directories(path_.parent_path());
        spill_.emplace(spill_path_);
      }
      spill_->write(std::as_bytes(values));
    } catch (...) {  // a disk that is full is no fault of the picture
      failed_ = std::current_exception();
    }
  }

  // Tells what went wrong meanwhile, too.
  void write() {
    if (failed_) std::rethrow_exception(failed_);
    if (!spill_) return write_safetensors(path_, {});
    spill_->commit();
    committed_ = true;
    const MappedFile file(spill_path_);
    std::vector<StreamedTensor> tensors;
    for (const auto& [name, place] : places_)
      tensors.push_back({name,
                         {Shape{static_cast<int64_t>(place.bytes / sizeof(float))}, DType::F32},
                         [&file, place](const auto& write_bytes) {
                           const auto bytes = file.bytes().subspan(place.begin, place.bytes);
                           write_bytes(bytes);
                           file.drop_pages(bytes);
                         }});
    stream_safetensors(path_, tensors);
    file.check_intact();
  }

 private:
  struct Place {
    size_t begin = 0, bytes = 0;
  };
  fs::path path_, spill_path_;
  std::optional<AtomicFile> spill_;
  std::map<std::string, Place> places_;
  size_t bytes_ = 0;
  bool committed_ = false;
  std::exception_ptr failed_;
};

class NumberLookup {
 public:
  // A file that is not there or is damaged has nothing to compare with: its row tells that it has no drift.
  explicit NumberLookup(const fs::path& path) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return;
    file_.emplace(path);
  }

  // Nothing when there is no such value, or one of another length.
  std::optional<Drift> drift(const std::string& name, std::span<const float> values) const {
    const SafetensorsEntry* entry = file_ ? file_->find(name) : nullptr;
    if (entry == nullptr || entry->dtype != DType::F32) return std::nullopt;
    const std::span<const std::byte> bytes = file_->bytes(*entry);
    if (bytes.size() != values.size_bytes()) return std::nullopt;
    std::vector<float> reference(values.size());
    std::memcpy(reference.data(), bytes.data(), bytes.size());
    file_->check_intact();
    file_->drop_pages(bytes);  // no part of the plan
    return drift_of(values, reference);
  }

 private:
  std::optional<SafetensorsFile> file_;
};

// What is drawn, of all rows, and how long the rest will take.
class WorkMeter {
 public:
  explicit WorkMeter(Terminal& terminal) : terminal_(terminal) {}

  void expect(const CompareRow& row, size_t pictures) { left_[row.name] += pictures, all_ += pictures; }
  void drop(const CompareRow& row) { --left_[row.name], --all_; }
  void begin(const CompareRow& row) { row_ = row.name, start_ = Clock::now(), inside_ = 0; }
  void inside(double share) {
    inside_ = share;
    show();
  }
  void end() {
    auto& [seconds, pictures] = spent_[row_];
    seconds += std::chrono::duration<double>(Clock::now() - start_).count();
    ++pictures, ++done_, --left_[row_];
    inside_ = 0;
    show();
  }

 private:
  using Clock = std::chrono::steady_clock;

  // Rows that were not begun are taken for as slow as the slowest.
  double mean(const std::string& row) const {
    const auto known = spent_.find(row);
    if (known != spent_.end()) return known->second.first / static_cast<double>(known->second.second);
    double most = 0;
    for (const auto& [name, spent] : spent_) most = std::max(most, spent.first / static_cast<double>(spent.second));
    return most;
  }
  void show() {
    double rest = -inside_ * mean(row_);
    for (const auto& [row, pictures] : left_) rest += mean(row) * static_cast<double>(pictures);
    terminal_.on_work(fmt::format("{}: {} left", row_, left_[row_]), static_cast<double>(done_) + inside_,
                      static_cast<double>(all_), spent_.empty() ? std::nullopt : std::optional(std::max(rest, 0.0)));
  }

  Terminal& terminal_;
  std::map<std::string, size_t> left_;
  std::map<std::string, std::pair<double, size_t>> spent_;  // seconds, pictures
  std::string row_;
  Clock::time_point start_;
  size_t done_ = 0, all_ = 0;
  double inside_ = 0;
};

// Looks on while one picture is drawn.
class Witness final : public RunObserver {
 public:
  struct Tasks {
    bool keep = false;     // the reference's numbers are kept; others are compared with them
    bool paired = false;   // its latents have counterparts
    bool observe = false;  // values, too, and not the latents alone
  };
  Witness(Tasks tasks, const fs::path& reference_latents, const fs::path& reference_values, WorkMeter& meter)
      : tasks_(tasks),
        latents_(tasks.keep ? fs::path() : reference_latents),
        values_(tasks.keep ? fs::path() : reference_values),
        meter_(meter) {
    if (tasks.keep && tasks.observe) kept_values.emplace(reference_values);
  }

  void on_stage(const RunPlace& at) override {
    const std::string_view name = to_string(at.stage);
    if (stage_ == name) return;
    // What planning left behind on the heap is given back before the plan counts what is resident.
    if (stage_ == "plan") peak_known = reset_peak_resident();
    stage_ = name;
    evaluation_ = run_ = 0;
    if (stage_ == "denoise") evaluation_ = 1;
  }
  void on_step(const RunPlace& at, double /*seconds*/) override {
    evaluation_ = at.evaluation + 1;
    run_ = 0;
    meter_.inside(static_cast<double>(at.evaluation) / std::max(at.evaluations, 1));
  }
  void on_run(const RunPlace& /*at*/, std::string_view /*part*/, const Program& program,
              const Bindings& /*bindings*/) override {
    operations += program.flop();
    ++run_;
  }
  Wants wants() const override { return {.values = tasks_.observe ? Values::Named : Values::None}; }
  void on_value(const RunPlace& /*at*/, std::string_view part, const std::string& path,
                ConstTensorView value) override {
    if (!is_compared(path)) return;
    const std::string full = fmt::format("{}.{}", part, path),
                      name = fmt::format("{}/{}/{}/{}", stage_, evaluation_, run_, full);
    std::vector<float> numbers = sampled_floats(value, kSampled);
    if (tasks_.keep) return kept_values->add(name, numbers);
    if (const auto drift = values_.drift(name, numbers))
      values.push_back({.stage = stage_, .evaluation = evaluation_, .run = run_ - 1, .path = full, .drift = *drift});
  }
  void on_latent(const RunPlace& /*at*/, int step, std::span<const float> latent) override {
    if (!tasks_.paired) return;
    const std::string name = fmt::format("step.{:05}", step);
    if (tasks_.keep) return kept_latents.add(name, {latent.begin(), latent.end()});
    kept_latents = {};  // the last alone
    kept_latents.add(name, {latent.begin(), latent.end()});
    if (const auto drift = latents_.drift(name, latent)) steps.push_back(*drift);
  }

  bool peak_known = false;
  double operations = 0;
  std::vector<Drift> steps;
  std::vector<ValueDrift> values;
  NumberFile kept_latents;
  std::optional<SpilledNumbers> kept_values;

 private:
  Tasks tasks_;
  NumberLookup latents_, values_;
  WorkMeter& meter_;
  std::string stage_;
  int evaluation_ = 0, run_ = 0;
};

bool is_observed(const CompareSettings& settings, const CompareRow& row, size_t index) {
  // The guard runs a network again, and then runs are no longer each other's counterparts.
  return index < settings.observed && row.is_paired() && row.variant != RowVariant::Guard;
}

// No picture of this row is drawn with warm weights and unobserved: its times are taken apart.
bool has_no_times(const CompareSettings& settings, const CompareRow& row, std::span<const size_t> pictures) {
  for (size_t i = 0; i < pictures.size(); ++i)
    if (i % kTurn != 0 && !is_observed(settings, row, pictures[i])) return false;
  return true;
}

double time_of(const GenerateResult& result, std::string_view stage) {
  for (const StageTime& time : result.times)
    if (time.name == stage) return time.seconds;
  return 0;
}

bool is_one_colour(const Image& image) {
  const auto channels = static_cast<size_t>(image.channels);
  for (size_t c = 0; c < channels; ++c) {
    uint8_t low = 255, high = 0;
    for (size_t i = c; i < image.pixels.size(); i += channels) {
      low = std::min(low, image.pixels[i]);
      high = std::max(high, image.pixels[i]);
    }
    if (high - low > 1) return false;
  }
  return true;
}

void take_memory(const MemoryPlan& plan, PictureResult& out) {
  const auto most = std::ranges::max_element(plan.stages, {}, &StagePlan::peak_bytes);
  if (most != plan.stages.end()) {
    out.weights_bytes = most->weights_bytes;
    out.arena_bytes = most->arena_bytes;
    out.buffer_bytes = most->buffer_bytes;
  }
  out.planned_allocated_bytes = plan.allocated_peak_bytes();
  out.planned_peak_bytes = plan.peak_bytes();
  out.residency = to_string(plan.residency);
}

void take_measures(const GenerateResult& result, PictureResult& out) {
  out.planning_seconds = time_of(result, "plan");
  out.seconds = time_of(result, "total") - out.planning_seconds;
  out.denoise_seconds = time_of(result, "denoise");
  out.measured_allocated_bytes = result.allocated_peak_bytes;
  take_memory(result.plan, out);
}

// The same picture once more, with nobody looking on.
void time_apart(const CompareSettings& settings, const CompareRow& row, size_t index, TextToImage& engine,
                WorkMeter& meter, StopToken stop, PictureResult& out) {
  Witness witness({}, {}, {}, meter);
  take_measures(engine.prepare(settings.request(row, index)).run(witness, stop, [](const GeneratedImage&) {}), out);
  if (witness.peak_known) out.measured_peak_bytes = peak_resident_bytes();
  out.timed_apart = true;
}

// What went wrong with this picture, as against with the comparison.
bool is_of_the_picture(ErrorKind kind) {
  return kind == ErrorKind::BadFile || kind == ErrorKind::Unsupported || kind == ErrorKind::OverBudget;
}

PictureResult draw_one(const CompareSettings& settings, const CompareStore& store, const CompareRow& row, size_t index,
                       TextToImage& engine, WorkMeter& meter, StopToken stop) {
  PictureResult out;
  const CompareRow& reference = settings.rows.front();
  const bool is_reference = row == reference, paired = row.is_paired();
  out.observed = is_observed(settings, row, index);
  const fs::path none;
  Witness witness({.keep = is_reference, .paired = paired, .observe = out.observed},
                  paired ? store.latents(reference, index) : none, out.observed ? store.values(reference, index) : none,
                  meter);
  std::vector<std::byte> picture;
  try {
    const GenerateResult result =
        engine.prepare(settings.request(row, index)).run(witness, stop, [&](const GeneratedImage& drawn) {
          const TextChunk texts[] = {{"parameters", drawn.parameters}, {kRequestKey, drawn.request_json}};
          picture = encode_picture(PictureFormat::Png, drawn.image, texts, 0);
          out.good = !is_one_colour(drawn.image);
        });
    out.events = result.guard_events;
    if (row.variant != RowVariant::Guard)
      out.good = out.good && std::ranges::all_of(out.events, [](const GuardEvent& e) { return e.where == "picture"; });
    out.evaluations = result.evaluations;
    take_measures(result, out);
  } catch (const Error& e) {
    if (!is_of_the_picture(e.kind())) throw;
    out.error = e.message();
  }
  if (witness.peak_known) out.measured_peak_bytes = peak_resident_bytes();
  out.operations = witness.operations;
  out.steps = std::move(witness.steps);
  out.values = std::move(witness.values);
  // A disk that is full is no fault of the picture: what is written here is not within the attempt above.
  out.drawn = !picture.empty();
  if (!out.drawn) return out;
  store.save_picture(row, index, picture);
  if (paired) witness.kept_latents.write(store.latents(row, index));
  if (witness.kept_values) witness.kept_values->write();
  return out;
}

// Where the guard found nothing it has changed nothing (a property test holds that): what the row without it has drawn
// is what the guarded row would draw.
std::optional<PictureResult> found_in_plain_row(const CompareSettings& settings, const CompareStore& store,
                                                const CompareRow& row, size_t index) {
  if (row.variant != RowVariant::Guard) return std::nullopt;
  for (const CompareRow& plain : settings.rows) {
    if (plain.preset != row.preset || plain.variant != RowVariant::Plain) continue;
    std::optional<PictureResult> known = store.find(plain, index);
    if (!known || !known->good || !known->events.empty()) return std::nullopt;
    const std::string png = read_file(store.picture(plain, index), kMaxPictureBytes);
    store.save_picture(row, index, std::as_bytes(std::span(png)));
    const std::string latents = read_file(store.latents(plain, index), kMaxPictureBytes);
    write_file_atomically(store.latents(row, index), latents);
    known->values.clear();
    return known;
  }
  return std::nullopt;
}

}  // namespace

void draw_comparison(const CompareSettings& settings, const CompareStore& store, const Shard& share, Terminal& terminal,
                     StopToken stop) {
  std::vector<size_t> pictures;
  for (size_t i = 0; i < settings.pictures.size(); ++i)
    if (share.holds(i)) pictures.push_back(i);
  WorkMeter meter(terminal);
  for (const CompareRow& row : settings.rows)
    for (const size_t i : pictures)
      if (!store.has(row, i)) meter.expect(row, 1);
  for (size_t first = 0; first < pictures.size(); first += kTurn)
    for (const CompareRow& row : settings.rows) {
      std::optional<TextToImage> engine;
      for (const size_t i : std::span(pictures).subspan(first, std::min(kTurn, pictures.size() - first))) {
        if (store.has(row, i)) continue;
        stop.throw_if_stopped();
        if (const auto known = found_in_plain_row(settings, store, row, i)) {
          store.save(row, i, *known);
          meter.drop(row);
          continue;
        }
        meter.begin(row);
        const bool warm = engine.has_value();
        if (!warm)
          engine = TextToImage::open(find_model(settings.engine.model), row.engine_options(settings.engine.options),
                                     terminal);
        PictureResult result = draw_one(settings, store, row, i, *engine, meter, stop);
        result.warm = warm;
        if (i == pictures.back() && result.drawn && has_no_times(settings, row, pictures))
          time_apart(settings, row, i, *engine, meter, stop, result);
        store.save(row, i, result);
        meter.end();
      }
      engine.reset();
      release_free_heap();
    }
  terminal.clear_bar();
}

}  // namespace newbie
