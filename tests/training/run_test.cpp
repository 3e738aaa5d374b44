// Laws of a training run on the embedded model: stopped or killed anywhere and started again, with other threads, it
// ends with the bytes of one that was not; a broken checkpoint is passed over; what was encoded once is not again.
#include "train/run.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <sstream>

#include "../unit/core/expect_error.h"
#include "core/files.h"
#include "core/json.h"
#include "generate/metadata.h"
#include "generate/text_to_image.h"
#include "image/picture_format.h"
#include "support/golden.h"
#include "train/adapter_file.h"
#include "train/checkpoint.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

class Watch final : public TrainObserver {
 public:
  std::function<void(const StepRow&)> step;
  std::vector<StepRow> rows;
  std::vector<double> validation;
  std::vector<fs::path> samples;
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
  void on_sample(const fs::path& path) override { samples.push_back(path); }
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
      row.erase("memory_bytes");
      out["log"] += row.dump() + "\n";
    }
    return out;
  }

  fs::path folder_;
};

class FaultHook {
 public:
  explicit FaultHook(FileFaultHook hook) { set_file_fault_hook(std::move(hook)); }
  ~FaultHook() { set_file_fault_hook({}); }
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
  o.output = folder_ / "third";
  train(o, third);
  EXPECT_EQ(third.encoded, 2U);
  o.buckets = {.enabled = false, .resolution = 32};
  o.output = folder_ / "fourth";
  train(o, fourth);
  EXPECT_EQ(fourth.encoded, 5U);
}

// A finished run's adapter is not handed over as that of other pictures, captions or settings.
TEST_F(TrainingRuns, WhatChangedAfterTheEndIsTold) {
  TrainOptions o = options("changed");
  o.steps = 1;
  Watch watch;
  train(o, watch);
  const std::string caption = read_file(o.data / "3.txt", 1000);
  write_file_atomically(o.data / "3.txt", std::string_view("white background"));
  EXPECT_ERROR(train(o, watch), ErrorKind::InvalidRequest, "other pictures or captions");
  write_file_atomically(o.data / "3.txt", caption);
  train(o, watch);
  o.lr = 2e-3;
  EXPECT_ERROR(train(o, watch), ErrorKind::InvalidRequest, "other settings");
  o.steps = 2;
  Warnings warnings;
  EXPECT_EQ(run_training(o, warnings, watch, {}).steps, 2);
  EXPECT_THAT(warnings.told, ::testing::Contains(::testing::HasSubstr("other settings: from here on")));
}

// Neither another run's checkpoints nor folders of a like name are taken away or written over.
TEST_F(TrainingRuns, WhatItDidNotWriteStays) {
  TrainOptions o = options("shared");
  o.steps = 3;
  Watch watch;
  train(o, watch);
  o.adapter.rank = 8;
  EXPECT_ERROR(train(o, watch), ErrorKind::InvalidRequest, "of a run with other settings");

  TrainOptions other = options("foreign");
  other.steps = 4;
  other.save_every = 1;
  other.keep = 1;
  for (const char* name : {"checkpoint_1", "checkpoint_500", "checkpoint_00000002", "checkpoint_00001000"}) {
    fs::create_directories(other.output / name);
    write_file_atomically(other.output / name / "weights.pt", std::string_view("theirs"));
  }
  EXPECT_ERROR(train(other, watch), ErrorKind::InvalidRequest, "no checkpoint of a run");  // 2 would be written over
  fs::remove_all(other.output / "checkpoint_00000002");
  train(other, watch);
  for (const char* name : {"checkpoint_1", "checkpoint_500", "checkpoint_00001000"})
    EXPECT_TRUE(fs::exists(other.output / name / "weights.pt")) << name;
  EXPECT_TRUE(fs::exists(checkpoint_path(other.output, 4) / "state.json"));
  EXPECT_FALSE(fs::exists(checkpoint_path(other.output, 3)));
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

// Cases 45 and 47: samples are what the engine draws with the checkpoint's own file, before the first step what it
// draws without; one that cannot be drawn is a warning.
TEST_F(TrainingRuns, SamplesArePicturesOfTheCheckpoint) {
  for (const TrainingKind kind : {TrainingKind::Lora, TrainingKind::Dora, TrainingKind::Lokr, TrainingKind::Full}) {
    TrainOptions o = options(std::string("samples_") + std::string(to_string(kind)));
    o.adapter.kind = kind;
    o.steps = 2;
    const GenerateRequest small{.prompt = "red hair", .width = 48, .height = 48, .seed = 3, .steps = 2};
    GenerateRequest impossible = small;
    impossible.adapters = {{.name = "nowhere"}};
    o.samples.requests = {small, impossible};
    o.samples.every = 1;
    Watch watch;
    Warnings warnings;
    run_training(o, warnings, watch, {});
    EXPECT_THAT(watch.samples, ::testing::ElementsAre(sample_path(o.output, 0, 1), sample_path(o.output, 1, 1),
                                                      sample_path(o.output, 2, 1)));
    EXPECT_EQ(std::ranges::count_if(warnings.told, [](const std::string& t) { return t.starts_with("sample 2 "); }), 3);
    EXPECT_EQ(list_checkpoints(o.output).size(), 2U);  // one before each sample

    for (const int64_t step : {int64_t{0}, int64_t{2}}) {
      ModelPaths model = o.model;
      GenerateRequest request = small;
      const fs::path trained = trained_file(checkpoint_path(o.output, step), o.name, kind);
      if (step != 0 && kind == TrainingKind::Full) model.transformer = trained;
      if (step != 0 && kind != TrainingKind::Full) request.adapters = {{.name = trained.string()}};
      TextToImage engine = TextToImage::open(model, {}, silent_log());
      RunObserver nobody;
      std::vector<std::byte> want;
      engine.generate(request, nobody, {}, [&](const GeneratedImage& picture) {
        const TextChunk texts[] = {{"parameters", picture.parameters}, {kRequestKey, picture.request_json}};
        want = encode_picture(PictureFormat::Png, picture.image, texts, 90);
      });
      const std::string got = bytes(sample_path(o.output, step, 1));
      EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(got)), want)) << to_string(kind) << " at " << step;
    }
    EXPECT_NE(bytes(sample_path(o.output, 0, 1)), bytes(sample_path(o.output, 2, 1)));
  }
}

// Of checkpoints that are gone the best stays; of equals, the first.
TEST_F(TrainingRuns, TheBestCheckpointIsKept) {
  TrainOptions o = options("best");
  o.validation_data = o.data;
  o.steps = 4;
  o.save_every = 1;
  o.keep = 1;
  o.lr = 1e-30;  // nothing moves
  Watch watch;
  const TrainResult r = train(o, watch);
  EXPECT_EQ(r.best_step, 1);
  EXPECT_EQ(r.best_validation, watch.validation.front());
  std::vector<int64_t> steps;
  for (const CheckpointPlace& c : list_checkpoints(o.output)) steps.push_back(c.step);
  EXPECT_THAT(steps, ::testing::ElementsAre(4, 1));
}

// §7: whichever write fails, the run ends with an error or a warning, and what is on the disk goes on to the same
// bytes.
TEST_F(TrainingRuns, AFullDiskAtAnyWriteLosesNothing) {
  TrainOptions o = options("whole");
  o.steps = 3;
  o.save_every = 1;
  Watch whole;
  train(o, whole);
  const auto want = result_of(o.output);
  size_t writes = 0, failures = 0;
  {
    const FaultHook hook([&](size_t, const char* operation) {
      writes += std::string_view(operation) != "read" && std::string_view(operation) != "open";
      return true;
    });
    TrainOptions counted = o;
    counted.output = folder_ / "counted";
    Watch watch;
    train(counted, watch);
  }
  ASSERT_GT(writes, 30U);
  for (size_t at = 0; at < writes; at += 1 + at / 12) {
    TrainOptions hurt = o;
    hurt.output = folder_ / fmt::format("hurt_{}", at);
    {
      size_t seen = 0;
      const FaultHook hook([&](size_t, const char* operation) {
        if (std::string_view(operation) == "read" || std::string_view(operation) == "open") return true;
        return seen++ < at;  // the disk stays full
      });
      Watch watch;
      try {
        train(hurt, watch);
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::BadFile) << e.message();
        ++failures;
      }
    }
    for (const CheckpointPlace& c : list_checkpoints(hurt.output)) EXPECT_TRUE(fs::exists(c.path / "state.json"));
    Watch again;
    train(hurt, again);
    EXPECT_EQ(result_of(hurt.output), want) << "full from write " << at << " on";
  }
  EXPECT_GT(failures, 10U);
}

// Case 30: with accumulation, and while the loss scale is warming up.
TEST_F(TrainingRuns, TheScheduleCountsStepsThatWereTaken) {
  TrainOptions o = options("schedule");
  o.precision = PrecisionPreset::F16;
  o.scaler_start.scale = 0x1p40f;
  o.most_bad_steps = 1000;
  o.accumulate = 4;
  o.batch_size = 1;
  o.steps = 40;
  o.warmup = 3;
  Watch watch;
  train(o, watch);
  const LrSchedule schedule{.kind = o.schedule, .warmup = 3, .total = 40};
  int64_t taken = 0;
  for (const StepRow& row : watch.rows) {
    EXPECT_DOUBLE_EQ(row.outcome.lr, o.lr * schedule.factor(taken)) << row.step;
    taken += row.outcome.taken;
  }
  EXPECT_FALSE(watch.rows.front().outcome.taken);
  EXPECT_TRUE(watch.rows.back().outcome.taken);
}

// Case 37: a picture that goes away after the first epoch is known from the cache.
TEST_F(TrainingRuns, APictureThatGoesAwayMeanwhileIsKnown) {
  const TrainOptions whole = options("whole");
  Watch first;
  const TrainResult want = train(whole, first);
  TrainOptions o = options("gone");
  Watch watch;
  watch.step = [&](const StepRow& row) {
    if (row.step == 3) fs::remove(o.data / "2.png");
  };
  const TrainResult r = train(o, watch);
  EXPECT_EQ(bytes(r.adapter), bytes(want.adapter));
}

// Case 39: what a caption loses to the encoder's limit is told before anything is trained.
TEST_F(TrainingRuns, LostWordsAreTold) {
  const TrainOptions o = options("lost");
  std::string words = "red hair";
  for (int i = 0; i < 600; ++i) words += ", smile";
  write_file_atomically(o.data / "1.txt", std::string_view(words));
  const TrainPlan plan = plan_training(o, silent_log());
  ASSERT_FALSE(plan.lost.empty());
  EXPECT_EQ(plan.lost.front().name, "1.png");
  EXPECT_THAT(plan.lost.front().words, ::testing::HasSubstr("smile"));
  EXPECT_FALSE(fs::exists(o.output));
}

// Captions whose features the official trainer left are as long as those features, not as their words: what is planned
// and what a run makes room for.
TEST_F(TrainingRuns, OfficialCachesArePlannedAsLongAsTheyAre) {
  constexpr int64_t kTokens = 40;
  const NextDitConfig sizes = open_transformer(avatar_path() / "transformer", silent_log()).sizes;
  const std::vector<float> features(static_cast<size_t>(kTokens * sizes.caption_width), 0.5f),
      pooled(static_cast<size_t>(sizes.pooled_width), 0.5f);
  const std::vector<int64_t> mask(kTokens, 1);
  const auto at = [](const auto& values) { return reinterpret_cast<const std::byte*>(values.data()); };
  const NamedTensor tensors[] = {{"cap_feats", {{{kTokens, sizes.caption_width}, DType::F32}, at(features)}},
                                 {"cap_mask", {{{kTokens}, DType::I64}, at(mask)}},
                                 {"clip_text_pooled", {{{sizes.pooled_width}, DType::F32}, at(pooled)}}};
  TrainOptions o = options("official");
  write_safetensors(o.data / "1.txt.safetensors", tensors);
  const TrainPlan words = plan_training(o, silent_log());
  EXPECT_LT(words.tokens[1], static_cast<size_t>(kTokens));
  o.official_caches = true;
  const TrainPlan plan = plan_training(o, silent_log());
  EXPECT_EQ(plan.tokens[1], static_cast<size_t>(kTokens));
  EXPECT_EQ(plan.tokens[0], words.tokens[0]);
  EXPECT_GT(plan.arena_bytes, words.arena_bytes);
  // Exactly what is planned is enough.
  o.memory_bytes = plan.bytes();
  Watch watch;
  train(o, watch);
  EXPECT_EQ(watch.rows.size(), 6U);
}

// Cases 24 and 33: adapters, gradients and moments are f32 whatever the network computes in, and on a base of 8-bit
// numbers the loss is that of a bf16 base within 5 %.
TEST_F(TrainingRuns, NarrowBasesTrainAlike) {
  const auto mean_loss = [&](PrecisionPreset precision, const char* output) {
    TrainOptions o = options(output);
    o.precision = precision;
    o.adapter.targets.clear();
    o.epochs = 7;
    o.save_every = 0;
    Watch watch;
    train(o, watch);
    double sum = 0;
    for (const StepRow& row : watch.rows) {
      EXPECT_TRUE(row.outcome.taken);
      sum += row.loss;
    }
    EXPECT_EQ(watch.rows.size(), 21U);
    return sum / static_cast<double>(watch.rows.size());
  };
  const double bf16 = mean_loss(PrecisionPreset::BF16, "bf16");
  EXPECT_NEAR(mean_loss(PrecisionPreset::Int8, "int8"), bf16, 0.05 * bf16);
}

// Dropout inside adapters: another result than without, and the same one again with other threads. That validation
// drops nothing is held by LossNetworks.AdaptersDropOnTheWayThereAndBackAlone.
TEST_F(TrainingRuns, AdaptersMayDropWhatTheySee) {
  TrainOptions without = options("without"), with = options("with"), again = options("again");
  with.adapter.dropout = again.adapter.dropout = 0.5;
  again.threads = 1;
  Watch a, b, c;
  train(without, a);
  train(with, b);
  train(again, c);
  const auto states = [&](const TrainOptions& o) {
    return bytes(list_checkpoints(o.output).front().path / "optimizer.safetensors");
  };
  EXPECT_NE(states(with), states(without));
  EXPECT_EQ(states(with), states(again));
}

// Orders of tags are part of what a sample is: a run that goes on draws the same.
TEST_F(TrainingRuns, TagOrdersAreDrawnAndRemembered) {
  const auto with_tags = [&](const std::string& output) {
    TrainOptions o = options(output);
    for (int i = 0; i < 5; ++i)
      write_file_atomically(o.data / fmt::format("{}.txt", i), std::string_view("red hair, smile, glasses, sad"));
    o.tags.orders = 4;
    return o;
  };
  const TrainOptions whole = with_tags("whole");
  Watch first;
  train(whole, first);
  EXPECT_GT(first.encoded, 10U);  // 5 pictures, and more than one order
  const TrainOptions o = with_tags("killed");
  Watch killed;
  killed.step = [](const StepRow& row) {
    if (row.step == 3) throw Killed();
  };
  EXPECT_THROW(train(o, killed), Killed);
  Watch again;
  train(o, again);
  EXPECT_EQ(result_of(o.output), result_of(whole.output));
}

// Within a budget: pieces computed again, then weights prepared again. The same bytes, less memory; below what is
// possible it is refused with a number.
TEST_F(TrainingRuns, FitsItsMemory) {
  TrainOptions o = options("free");
  o.steps = 2;
  const TrainPlan free = plan_training(o, silent_log());
  Watch first;
  const TrainResult want = train(o, first);
  size_t least = free.bytes();
  for (const double share : {0.8, 0.5, 0.3}) {
    TrainOptions tight = options(fmt::format("tight_{}", share));
    tight.steps = 2;
    tight.memory_bytes = static_cast<size_t>(share * static_cast<double>(free.bytes()));
    try {
      const TrainPlan plan = plan_training(tight, silent_log());
      EXPECT_LE(plan.bytes(), tight.memory_bytes) << share;
      least = std::min(least, plan.bytes());
      Watch watch;
      EXPECT_EQ(bytes(train(tight, watch).adapter), bytes(want.adapter)) << share;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::OverBudget);
      EXPECT_LT(share, 0.4) << e.message();
    }
  }
  EXPECT_LT(least, free.bytes());
  o.memory_bytes = 1 << 20;
  EXPECT_THROW(plan_training(o, silent_log()), Error);
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
