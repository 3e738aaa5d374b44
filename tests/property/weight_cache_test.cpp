// The weight cache: the same picture without preparing weights, within the plan, and no file of it is trusted.
#include "generate/weight_cache.h"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <set>

#include "core/files.h"
#include "generate/text_to_image.h"
#include "support/golden.h"
#include "unit/core/temporary_folder.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

class Warnings final : public Log {
 public:
  void write(LogLevel level, std::string_view text) override {
    if (level == LogLevel::Warning) seen.emplace_back(text);
  }
  std::vector<std::string> seen;
};

GenerateRequest small_request() {
  GenerateRequest r;
  r.prompt = "1girl, red_hair";
  r.width = r.height = 32;
  r.steps = 2;
  return r;
}

// All networks, both ways of the autoencoder among them.
GenerateRequest large_request() {
  GenerateRequest r = small_request();
  r.init_image = Image{32, 32, 3, std::vector<uint8_t>(32 * 32 * 3, 90)};
  r.hires_scale = 1.5;
  r.hires_steps = 2;
  r.batch = 2;
  return r;
}

struct Engine {
  std::optional<fs::path> cache;
  PrecisionRequest precision = PrecisionRequest::BF16;
  size_t budget = size_t{64} << 30;
  fs::path model = avatar_path();
};

TextToImage open(const Engine& setup, Log& log) {
  return TextToImage::open(
      {.folder = setup.model},
      {.threads = 2, .memory_budget_bytes = setup.budget, .precision = setup.precision, .weight_cache = setup.cache},
      log);
}

struct Drawn {
  std::vector<Image> images;
  GenerateResult result;

  bool prepared_nothing() const {
    return std::ranges::all_of(result.plan.stages, [](const StagePlan& s) {
      return s.weights_bytes == 0 && s.window_bytes == 0 && s.loading_peak_bytes == 0;
    });
  }
  void expect_exact() const { EXPECT_EQ(result.plan.allocated_peak_bytes(), result.allocated_peak_bytes); }
};

Drawn draw(TextToImage& engine, const GenerateRequest& request) {
  Drawn out;
  RunObserver progress;
  out.result =
      engine.generate(request, progress, {}, [&](GeneratedImage g) { out.images.push_back(std::move(g.image)); });
  return out;
}

Drawn draw(const Engine& setup, const GenerateRequest& request, Log& log = silent_log()) {
  TextToImage engine = open(setup, log);
  return draw(engine, request);
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

TEST(WeightCache, TheSecondRunPreparesNothingAndDrawsTheSame) {
  for (const PrecisionRequest& precision :
       {PrecisionRequest(PrecisionRequest::F32), PrecisionRequest(PrecisionRequest::BF16)})
    for (const GenerateRequest& request : {small_request(), large_request()}) {
      const TemporaryFolder folder;
      Warnings log;
      const Drawn plain = draw({.precision = precision}, request, log);
      const Engine setup{.cache = folder / "made" / "for it", .precision = precision};
      const Drawn first = draw(setup, request, log);
      const Drawn second = draw(setup, request, log);
      EXPECT_EQ(first.images, plain.images);
      EXPECT_EQ(second.images, plain.images);
      EXPECT_FALSE(first.prepared_nothing());
      EXPECT_TRUE(second.prepared_nothing());
      EXPECT_EQ(first.result.allocated_peak_bytes, plain.result.allocated_peak_bytes);
      EXPECT_LT(second.result.allocated_peak_bytes, first.result.allocated_peak_bytes);
      first.expect_exact();
      second.expect_exact();
      EXPECT_THAT(log.seen, testing::IsEmpty());
    }
}

TEST(WeightCache, AnotherSizeAddsWhatItLacks) {
  const TemporaryFolder folder;
  const Engine setup{.cache = folder.path()};
  draw(setup, small_request());
  const std::vector<fs::path> before = files_in(folder.path());
  draw(setup, small_request());
  EXPECT_EQ(files_in(folder.path()), before) << "nothing was missing";
  draw(setup, large_request());
  EXPECT_GT(files_in(folder.path()).size(), before.size()) << "the encoder's";
  EXPECT_TRUE(draw(setup, large_request()).prepared_nothing());
}

// What an engine wrote it uses itself, once the weights it has in memory are gone.
TEST(WeightCache, AnEngineUsesWhatItWrote) {
  const TemporaryFolder folder;
  Warnings log;
  TextToImage engine = open({.cache = folder.path()}, log);
  const Drawn first = draw(engine, small_request());
  const std::vector<fs::path> written = files_in(folder.path());
  for (int again = 0; again < 2; ++again) {
    const Drawn next = draw(engine, small_request());
    EXPECT_EQ(next.images, first.images);
    next.expect_exact();
    for (const StagePlan& s : next.result.plan.stages) {
      if (s.stage != StageKind::Gemma) continue;
      EXPECT_EQ(s.loading_peak_bytes, 0u);
      EXPECT_GT(s.page_bytes, 0u);
    }
    EXPECT_EQ(files_in(folder.path()), written);
  }
  EXPECT_THAT(log.seen, testing::IsEmpty());
}

// From all weights kept to all streamed, with a cache that is filled under that budget and then used.
TEST(WeightCache, HoldsABudget) {
  const GenerateRequest request = small_request();
  std::vector<Image> want;
  size_t most = 0;
  {
    TextToImage roomy = open({}, silent_log());
    most = roomy.plan(request).peak_bytes();
    want = draw(roomy, request).images;
  }
  constexpr size_t kStep = size_t{3} << 20;
  std::set<size_t> kept;
  int mapped = 0;
  for (size_t budget = most - kStep; budget > kStep; budget -= kStep) {
    const TemporaryFolder folder;
    const Engine setup{.cache = folder.path(), .budget = budget};
    try {  // with a little less, as the process itself may have grown when the pictures are drawn
      open({.cache = folder.path(), .budget = budget - (size_t{1} << 20)}, silent_log()).plan(request);
    } catch (const Error& e) {
      ASSERT_EQ(e.kind(), ErrorKind::OverBudget);
      break;
    }
    for (const bool filled : {false, true}) {
      const Drawn drawn = draw(setup, request);
      EXPECT_EQ(drawn.images, want);
      EXPECT_LE(drawn.result.plan.peak_bytes(), budget);
      // Where even the smallest pieces of the cache are too large, it is left alone.
      EXPECT_FALSE(!filled && drawn.prepared_nothing());
      mapped += drawn.prepared_nothing() ? 1 : 0;
      drawn.expect_exact();
      for (const StreamedPart& s : drawn.result.plan.streamed)
        if (drawn.prepared_nothing() && s.part == "transformer") {
          EXPECT_LT(s.resident_bytes, s.weights_bytes);
          kept.insert(s.resident_bytes);
        }
    }
  }
  EXPECT_GT(mapped, 3);
  EXPECT_GT(kept.size(), 1u) << "as much is kept as fits";
}

TEST(WeightCache, PrecisionsDoNotMix) {
  const TemporaryFolder folder;
  const Drawn f32 = draw({.precision = PrecisionRequest::F32}, small_request());
  draw({.cache = folder.path(), .precision = PrecisionRequest::BF16}, small_request());
  const Engine other{.cache = folder.path(), .precision = PrecisionRequest::F32};
  const Drawn first = draw(other, small_request());
  EXPECT_FALSE(first.prepared_nothing());
  EXPECT_EQ(first.images, f32.images);
  EXPECT_EQ(draw(other, small_request()).images, f32.images);
}

TEST(WeightCache, ModelsDoNotMix) {
  const TemporaryFolder folder;
  // In f32: no weight of the model's files is used where it lies.
  const Engine setup{.cache = folder / "cache", .precision = PrecisionRequest::F32, .model = folder / "model"};
  fs::copy(avatar_path(), setup.model, fs::copy_options::recursive);
  const auto packed = [&](const char* stage) {  // bytes that a run finds in the cache
    const Drawn drawn = draw(setup, small_request());
    for (const StagePlan& s : drawn.result.plan.stages)
      if (s.name() == stage) return std::pair(s.page_bytes, drawn.images);
    return std::pair(SIZE_MAX, drawn.images);
  };
  EXPECT_EQ(packed("decode").first, 0u);
  const auto [whole, before] = packed("decode");
  EXPECT_GT(whole, 0u);

  // Another last weight of the decoder's file, and the time of before: what its size and header tell is the same.
  const fs::path file = setup.model / "vae" / "diffusion_pytorch_model.safetensors";
  const auto time = fs::last_write_time(file);
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(-1, std::ios::end);
    bytes.put('\x41');
  }
  fs::last_write_time(file, time);
  const auto [changed, after] = packed("decode");
  EXPECT_LT(changed, whole) << "the decoder's are prepared anew";
  EXPECT_EQ(after, draw({.precision = setup.precision, .model = setup.model}, small_request()).images);
  EXPECT_EQ(packed("decode").first, whole);

  // The same bytes, written at another time.
  fs::last_write_time(file, time + std::chrono::seconds(1));
  EXPECT_LT(packed("decode").first, whole);
  // Another configuration: weights may be computed with it.
  std::ofstream(setup.model / "vae" / "config.json", std::ios::app) << " ";
  EXPECT_LT(packed("decode").first, whole);
}

TEST(WeightCache, DamagedFilesAreMadeAnew) {
  const TemporaryFolder folder;
  const Engine setup{.cache = folder.path()};
  const Drawn first = draw(setup, small_request());
  const std::vector<fs::path> files = files_in(folder.path());
  ASSERT_GE(files.size(), 4u);
  const std::vector<std::function<void(const fs::path&)>> damages = {
      [](const fs::path& path) { fs::resize_file(path, 0); }, [](const fs::path& path) { fs::resize_file(path, 100); },
      [](const fs::path& path) { fs::resize_file(path, fs::file_size(path) - 1); },
      [](const fs::path& path) {  // a digit of the index' hash, or what lies around it
        std::fstream bytes(path, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(60);
        bytes.put('\x7e');
      },
      [&](const fs::path& path) {  // another entry under this name
        fs::copy_file(path == files[0] ? files[1] : files[0], path, fs::copy_options::overwrite_existing);
      }};
  for (size_t kind = 0; kind < damages.size(); ++kind) {
    const std::string whole = read_file(files[1], SIZE_MAX);
    damages[kind](files[1]);
    Warnings log;
    const Drawn again = draw(setup, small_request(), log);
    EXPECT_EQ(again.images, first.images) << kind;
    EXPECT_THAT(log.seen, testing::ElementsAre(testing::HasSubstr("packed anew"))) << kind;
    EXPECT_EQ(files_in(folder.path()), files) << kind;
    EXPECT_EQ(read_file(files[1], SIZE_MAX), whole) << kind;
    EXPECT_TRUE(draw(setup, small_request()).prepared_nothing()) << kind;
  }
}

TEST(WeightCache, AFileThatShrinksUnderARunFailsItAndIsMadeAnew) {
  const TemporaryFolder folder;
  const Engine setup{.cache = folder.path()};
  const Drawn first = draw(setup, small_request());
  {
    TextToImage engine = open(setup, silent_log());
    engine.plan(small_request());
    for (const fs::path& path : files_in(folder.path())) fs::resize_file(path, fs::file_size(path) / 2);
    try {
      draw(engine, small_request());
      ADD_FAILURE() << "weights that are not there were used";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::BadFile);
    }
  }
  EXPECT_EQ(draw(setup, small_request()).images, first.images);
  EXPECT_TRUE(draw(setup, small_request()).prepared_nothing());
}

TEST(WeightCache, AFullDiskIsAWarning) {
  const TemporaryFolder folder;
  const Drawn plain = draw({}, small_request());
  for (const std::string_view refused : {"write", "sync", "rename"}) {
    Warnings log;
    TextToImage engine = open({.cache = folder.path()}, log);
    set_file_fault_hook([&](size_t, const char* operation) { return operation != refused; });
    const Drawn drawn = draw(engine, small_request());
    set_file_fault_hook({});
    EXPECT_EQ(drawn.images, plain.images);
    EXPECT_THAT(log.seen, testing::Not(testing::IsEmpty()));
    EXPECT_THAT(log.seen, testing::Each(testing::HasSubstr("weight cache: ")));
    EXPECT_THAT(files_in(folder.path()), testing::IsEmpty()) << refused;
  }
}

// While a cache is filled and while it is used: never another picture, nothing half-written, and no harm that lasts.
TEST(WeightCache, AnyFileOperationMayFail) {
  struct HookRemover {
    ~HookRemover() { set_file_fault_hook({}); }
  } remover;
  const std::vector<Image> want = draw({}, small_request()).images;
  for (const bool filled : {false, true}) {
    size_t failed = 0, drawn = 0;
    bool reached_the_end = false;
    for (size_t n = 0; !reached_the_end; n += n < 60 ? 3 : 61) {  // the model is opened first
      const TemporaryFolder folder;
      const Engine engine{.cache = folder.path()};
      if (filled) draw(engine, small_request());
      size_t calls = 0;
      set_file_fault_hook([&](size_t, const char*) { return calls++ != n; });
      try {
        EXPECT_EQ(draw(engine, small_request()).images, want) << "operation " << n;
        ++drawn;
      } catch (const Error& e) {  // of the model's own files
        EXPECT_EQ(e.kind(), ErrorKind::BadFile) << "operation " << n;
        ++failed;
      }
      set_file_fault_hook({});
      reached_the_end = calls <= n;
      for (const fs::path& path : files_in(folder.path())) EXPECT_EQ(path.extension(), ".safetensors") << n;
      EXPECT_EQ(draw(engine, small_request()).images, want) << "after operation " << n;
      EXPECT_TRUE(draw(engine, small_request()).prepared_nothing()) << "after operation " << n;
    }
    EXPECT_GT(failed, 0u);
    EXPECT_GT(drawn, 1u) << "of the cache's files, and the last, without a failure";
  }
}

TEST(WeightCache, AFolderThatCannotBeIsRefused) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_THROW(WeightCache(folder / "file" / "folder", silent_log()), Error);
}

}  // namespace
}  // namespace newbie::test
