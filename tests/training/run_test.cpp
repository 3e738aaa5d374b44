// Laws of a training run on the embedded model: stopped or killed anywhere and started again, with other threads, it
// ends with the bytes of one that was not; a broken checkpoint is passed over; what was encoded once is not again.
#include "train/run.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <sstream>

#include "core/files.h"
#include "core/json.h"
#include "image/picture_format.h"
#include "support/golden.h"
#include "train/checkpoint.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

class Watch final : public TrainObserver {
 public:
  std::function<void(const StepRow&)> step;
  std::vector<StepRow> rows;
  std::vector<double> validation;
  int64_t resumed = -1;
  size_t encoded = 0;

  void on_encode(std::string_view, size_t done, size_t of) override { encoded += done == of ? of : 0; }
  void on_resume(const fs::path&, int64_t at) override { resumed = at; }
  void on_step(const StepRow& row) override {
    rows.push_back(row);
    if (step) step(row);
  }
  void on_validation(int64_t, double loss) override { validation.push_back(loss); }
  void on_checkpoint(const fs::path&) override {}
};

class Warnings final : public Log {
 public:
  std::vector<std::string> told;
  void write(LogLevel level, std::string_view text) override {
    if (level == LogLevel::Warning) told.emplace_back(text);
  }
};

// In the small tokenizers' vocabularies: digits are not.
constexpr const char* kWords[] = {"red hair", "green hair", "smile", "glasses", "sad"};

struct Killed {};  // what a run does not catch

class TrainingRuns : public ::testing::Test {
 protected:
  TrainingRuns()
      : folder_(fs::temp_directory_path() / fmt::format("newbie_run_{}_{}",
                                                        ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                                                        ::getpid())) {
    fs::create_directories(folder_ / "data");
    for (int i = 0; i < 5; ++i) picture(i, i == 4 ? 96 : 64);
  }
  ~TrainingRuns() override { fs::remove_all(folder_); }

  void picture(int i, int width) {
    Image image{.width = width, .height = 64, .pixels = {}};
    image.pixels.resize(pixel_bytes(width, 64, 3));
    for (size_t p = 0; p < image.pixels.size(); ++p)
      image.pixels[p] = static_cast<uint8_t>((p * static_cast<size_t>(7 + i)) % 251);
    const fs::path path = folder_ / "data" / fmt::format("{}.png", i);
    write_file_atomically(path, encode_picture(PictureFormat::Png, image, {}, 90));
    write_file_atomically(fs::path(path).replace_extension(".txt"), std::string_view(kWords[i]));
  }

  TrainOptions options(const std::string& output) const {
    TrainOptions o;
    o.model.folder = avatar_path();
    o.data = folder_ / "data";
    o.output = folder_ / output;
    o.cache = folder_ / "cache";
    o.buckets = {.resolution = 64, .least = 32, .most = 128, .step = 16};
    o.adapter.rank = 4;
    o.adapter.alpha = 4;
    o.adapter.targets = {"layers.0.attention.qkv", "layers.1.feed_forward.w2"};
    o.lr = 1e-3;
    o.batch_size = 2;
    o.epochs = 2;
    o.save_every = 2;
    o.keep = 100;
    o.precision = PrecisionPreset::F32;
    o.encoder_precision = PrecisionPreset::F32;
    o.saved_dtype = DType::F32;
    o.threads = 2;
    return o;
  }

  static TrainResult train(const TrainOptions& o, Watch& watch, const std::atomic<bool>* stop = nullptr) {
    return run_training(o, silent_log(), watch, StopToken(stop));
  }
  static std::string bytes(const fs::path& path) { return read_file(path, size_t{1} << 28); }

  // Everything that a run leaves, but for how long it took.
  static std::map<std::string, std::string> result_of(const fs::path& output) {
    std::map<std::string, std::string> out;
    out["adapter"] = bytes(output / "adapter.safetensors");
    const fs::path last = list_checkpoints(output).front().path;
    for (const char* file : {"parameters.safetensors", "optimizer.safetensors", "state.json"})
      out[file] = bytes(last / file);
    std::istringstream lines(bytes(output / "log.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      Json row = parse_json(line, "log");
      row.erase("seconds");
      out["log"] += row.dump() + "\n";
    }
    return out;
  }

  fs::path folder_;
};

struct Kind {
  const char* name;
  OptimizerKind optimizer;
  PrecisionPreset precision;
  TrainingKind training;
};
constexpr Kind kKinds[] = {{"adamw", OptimizerKind::AdamW, PrecisionPreset::F32, TrainingKind::Lora},
                           {"adamw8bit", OptimizerKind::AdamW8bit, PrecisionPreset::BF16, TrainingKind::Dora},
                           {"lion", OptimizerKind::Lion, PrecisionPreset::F16, TrainingKind::Lokr},
                           {"adafactor", OptimizerKind::Adafactor, PrecisionPreset::F32, TrainingKind::Lora}};

}  // namespace

// Cases 42 and 43.
TEST_F(TrainingRuns, StoppedAnywhereAndResumedIsUninterrupted) {
  for (const Kind& kind : kKinds) {
    const auto with = [&](const std::string& output) {
      TrainOptions o = options(std::string(kind.name) + output);
      o.optimizer.kind = kind.optimizer;
      o.precision = kind.precision;
      o.adapter.kind = kind.training;
      o.caption_dropout = 0.3;
      o.scaler_start.scale = 1024;
      if (kind.optimizer == OptimizerKind::AdamW) o.ema = 0.9;
      return o;
    };
    Watch whole;
    const TrainOptions first = with("_whole");
    const TrainResult want = train(first, whole);
    ASSERT_EQ(want.steps, 6) << kind.name;
    const auto all = [&](const TrainOptions& o, const TrainResult& r) {
      std::map<std::string, std::string> out;
      out["adapter"] = bytes(r.adapter);
      const fs::path last = list_checkpoints(o.output).front().path;
      for (const char* file : {"parameters.safetensors", "optimizer.safetensors", "state.json"})
        out[file] = bytes(last / file);
      return out;
    };
    for (const int64_t at : {1, 3}) {
      TrainOptions o = with(fmt::format("_{}", at));
      std::atomic<bool> stop = false;
      Watch watch;
      watch.step = [&](const StepRow& row) { stop = row.step == at; };
      const TrainResult stopped = train(o, watch, &stop);
      EXPECT_TRUE(stopped.stopped);
      EXPECT_EQ(stopped.steps, at);
      o.threads = 1;
      Watch again;
      const TrainResult ended = train(o, again);
      EXPECT_EQ(again.resumed, at);
      EXPECT_EQ(all(o, ended), all(first, want)) << kind.name << " stopped at " << at;
    }
  }
}

TEST_F(TrainingRuns, KilledAnywhereIsUninterrupted) {
  Watch whole;
  train(options("whole"), whole);
  const auto want = result_of(folder_ / "whole");
  // A checkpoint of every second step; killed before that of its own.
  const std::vector<int64_t> resumed{-1, -1, 2, 2, 4};
  for (int64_t at = 1; at <= 5; ++at) {
    const TrainOptions o = options(fmt::format("killed_{}", at));
    Watch watch;
    watch.step = [&](const StepRow& row) {
      if (row.step == at) throw Killed();
    };
    EXPECT_THROW(train(o, watch), Killed);
    Watch again;
    train(o, again);
    EXPECT_EQ(again.resumed, resumed[static_cast<size_t>(at - 1)]) << at;
    EXPECT_EQ(result_of(o.output), want) << at;
  }
}

// Case 31: two micro-batches are one batch, to the byte.
TEST_F(TrainingRuns, AccumulationIsALargerBatch) {
  TrainOptions one = options("one"), two = options("two");
  for (TrainOptions* o : {&one, &two}) {
    o->buckets.enabled = false;
    o->steps = 2;
  }
  one.batch_size = 4;
  two.batch_size = 2;
  two.accumulate = 2;
  Watch a, b;
  const TrainResult ra = train(one, a), rb = train(two, b);
  EXPECT_EQ(bytes(ra.adapter), bytes(rb.adapter));
}

// Case 44.
TEST_F(TrainingRuns, ABrokenCheckpointIsPassedOver) {
  TrainOptions o = options("broken");
  o.steps = 4;
  Watch first;
  const TrainResult want = train(o, first);
  const std::string adapter = bytes(want.adapter);
  const fs::path last = list_checkpoints(o.output).front().path;
  std::string damaged = bytes(last / "optimizer.safetensors");
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write_file_atomically(last / "optimizer.safetensors", damaged);
  fs::create_directories(o.output / "checkpoint_of_somebody");
  fs::create_directories(o.output / "checkpoint_00000099");
  Watch again;
  Warnings warnings;
  const TrainResult r = run_training(o, warnings, again, {});
  EXPECT_EQ(again.resumed, 2);
  EXPECT_EQ(warnings.told.size(), 2U);
  EXPECT_EQ(bytes(r.adapter), adapter);
}

// Cases 34 and 38: what is encoded goes by content and size.
TEST_F(TrainingRuns, OnlyWhatChangedIsEncodedAgain) {
  TrainOptions o = options("cached");
  o.steps = 1;
  Watch first, second, third, fourth;
  train(o, first);
  EXPECT_EQ(first.encoded, 15U);  // 5 captions, 5 for CLIP, 5 pictures
  train(o, second);
  EXPECT_EQ(second.encoded, 0U);
  write_file_atomically(o.data / "3.txt", std::string_view("white background"));
  train(o, third);
  EXPECT_EQ(third.encoded, 2U);
  o.buckets = {.enabled = false, .resolution = 32};
  train(o, fourth);
  EXPECT_EQ(fourth.encoded, 5U);
}

// Case 46.
TEST_F(TrainingRuns, ValidationOfTheSameWeightsIsTheSameNumber) {
  TrainOptions o = options("validated");
  o.validation_data = o.data;
  o.lr = 1e-30;  // nothing moves
  Watch watch;
  train(o, watch);
  ASSERT_GE(watch.validation.size(), 2U);
  for (const double v : watch.validation) EXPECT_EQ(v, watch.validation.front());
}

// Case 23: with a learning rate that breaks everything the run stops, names a value, and leaves finite checkpoints.
TEST_F(TrainingRuns, StopsWhenNothingIsFinite) {
  TrainOptions o = options("diverged");
  o.lr = 1e30;
  o.epochs = 20;
  o.save_every = 1;
  o.most_bad_steps = 3;
  Watch watch;
  try {
    train(o, watch);
    ADD_FAILURE() << "it went on";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::Internal);
    EXPECT_THAT(e.message(), ::testing::HasSubstr("not finite"));
  }
}

TEST_F(TrainingRuns, AFolderHasOneRun) {
  const TrainOptions o = options("locked");
  Watch watch;
  watch.step = [&](const StepRow& row) {
    if (row.step != 1) return;
    Watch other;
    EXPECT_THROW(train(o, other), Error);
  };
  train(o, watch);
}

TEST_F(TrainingRuns, LearnsWhatItSees) {
  TrainOptions o = options("learns");
  o.adapter.targets.clear();
  o.epochs = 12;
  o.lr = 3e-3;
  o.save_every = 0;
  o.validation_data = o.data;
  Watch watch;
  train(o, watch);
  EXPECT_LT(watch.validation.back(), 0.8 * watch.validation.front());
}

}  // namespace newbie::test
