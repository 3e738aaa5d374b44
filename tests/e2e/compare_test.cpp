// newbie compare: a tiny comparison, gone on with, and somebody else's table.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"
#include "weights/formats/safetensors.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const fs::path kAvatars = fs::path(NEWBIE_SOURCE_DIR) / "tests/data/avatar_val";

std::string written(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

struct Comparison {
  explicit Comparison(const TemporaryFolder& folder)
      : out(folder / "out"),
        prompts(
            written(folder / "prompts.jsonl", "{\"prompt\": \"1girl, red hair\"}\n{\"prompt\": \"1boy, smile\"}\n")) {}

  Outcome draw(const std::string& dtypes, std::vector<std::string> more = {}) const {
    std::vector<std::string> words{
        "compare", "--dtypes",    dtypes,       "--prompts",   prompts, "--seeds",     "2",      "-o",
        out,       "-W",          "64",         "-H",          "64",    "--steps",     "2",      "--sampling-method",
        "euler",   "--scheduler", "flow_euler", "--bootstrap", "20",    "--reference", kAvatars, "-t",
        "2"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  Json report() const { return parse_json(file_bytes(out / "report.json"), "report.json"); }

  fs::path out;
  std::string prompts;
};

const Json& row_of(const Json& report, const std::string& name) {
  for (const Json& row : report.at("rows"))
    if (row.at("name") == name) return row;
  throw std::runtime_error("no row " + name);
}

std::vector<double> result_steps(const fs::path& path) {
  std::vector<double> out;
  const Json json = parse_json(file_bytes(path), path.string());
  for (const Json& drift : json.at("steps")) out.push_back(drift.at(0));
  return out;
}

TEST(Compare, ATinyOneHasEveryNumber) {
  const TemporaryFolder folder;
  const Comparison comparison(folder);
  const Outcome o = comparison.draw("bf16,f32+seeds,f32+unfused");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("4 of 4"));
  const Json report = comparison.report();
  ASSERT_EQ(report.at("rows").size(), 4u);  // f32 is there unasked
  EXPECT_EQ(report.at("rows")[0].at("name"), "f32");
  EXPECT_EQ(report.at("extractor"), "jina-clip");
  EXPECT_THAT(report.at("command").get<std::string>(), HasSubstr("--dtypes bf16,f32+seeds,f32+unfused"));

  const Json& f32 = row_of(report, "f32");
  EXPECT_TRUE(f32.at("pairs").is_null());
  EXPECT_GT(f32.at("gflop").get<double>(), 0);
  const Json& bf16 = row_of(report, "bf16");
  EXPECT_EQ(bf16.at("good"), 4);
  EXPECT_EQ(bf16.at("gflop"), f32.at("gflop"));
  EXPECT_EQ(bf16.at("memory").at("planned_allocated_bytes"), bf16.at("memory").at("measured_allocated_bytes"));
  EXPECT_LT(bf16.at("memory").at("weights_bytes").get<size_t>(), f32.at("memory").at("weights_bytes").get<size_t>());
  EXPECT_EQ(bf16.at("fid").at("n_a"), 4);
  EXPECT_TRUE(bf16.at("fid").at("difference_to_f32").at("interval").is_null());  // of 4 pictures there is none
  EXPECT_EQ(bf16.at("clip_difference_to_f32").at("n"), 4);
  const Json& pairs = bf16.at("pairs");
  EXPECT_EQ(pairs.at("n"), 4);
  EXPECT_EQ(pairs.at("psnr").at("pictures").size(), 4u);
  ASSERT_EQ(pairs.at("latents").size(), 2u);
  EXPECT_GT(pairs.at("latents")[0].at("relative_error").at("median").get<double>(), 0);
  EXPECT_LT(pairs.at("latents")[0].at("relative_error").at("median").get<double>(), 0.1);
  // Blocks of all five networks were looked at, the denoiser's in both steps.
  std::set<std::string> stages;
  for (const Json& v : bf16.at("values")) {
    stages.insert(v.at("stage"));
    if (v.at("stage") == "denoise") {
      EXPECT_THAT(v.at("evaluation").get<int>(), testing::AnyOf(1, 2));
    }
  }
  EXPECT_THAT(stages, testing::ElementsAre("context", "decode", "denoise", "gemma", "jina"));
  const double floor = row_of(report, "f32+unfused").at("pairs").at("latents")[1].at("relative_error").at("median");
  EXPECT_LT(floor, 1e-4);
  EXPECT_TRUE(row_of(report, "f32+seeds").at("pairs").is_null());

  // Every picture was looked into, so that the last was drawn once more for the time.
  for (const Json& row : report.at("rows")) {
    EXPECT_GE(row.at("seconds").at("n").get<size_t>(), 1u) << row.at("name");
    EXPECT_GT(row.at("seconds").at("median").get<double>(), 0) << row.at("name");
  }
  // The last latents of every row that starts from f32's noise: the drift can be computed from the files.
  const auto last_of = [&](const std::string& row) {
    const SafetensorsFile file(comparison.out / row / "000003.latents.safetensors");
    const SafetensorsEntry* last = file.find("step.00001");
    EXPECT_NE(last, nullptr) << row;
    const auto bytes = last == nullptr ? std::span<const std::byte>() : file.bytes(*last);
    std::vector<float> out(bytes.size() / sizeof(float));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  };
  const std::vector<float> here = last_of("bf16"), there = last_of("f32");
  ASSERT_EQ(here.size(), there.size());
  ASSERT_FALSE(there.empty());
  double difference = 0, length = 0;
  for (size_t i = 0; i < here.size(); ++i) {
    const double d = static_cast<double>(here[i]) - static_cast<double>(there[i]);
    difference += d * d;
    length += static_cast<double>(there[i]) * static_cast<double>(there[i]);
  }
  const double told = result_steps(comparison.out / "bf16/000003.json").back();
  EXPECT_NEAR(told, std::sqrt(difference / length), 1e-9 * told);

  for (const fs::directory_entry& left : fs::recursive_directory_iterator(comparison.out))
    EXPECT_NE(left.path().extension(), ".spill") << left.path();

  const std::string markdown = file_bytes(comparison.out / "report.md"),
                    csv = file_bytes(comparison.out / "report.csv");
  EXPECT_THAT(markdown, HasSubstr("| Precision | Memory, MiB | Time, s | FID | CLIP score | Success |"));
  EXPECT_THAT(markdown, HasSubstr("| 100.0 % of 4 |"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 5);
  const auto commas = std::ranges::count(csv.substr(0, csv.find('\n')), ',');
  EXPECT_EQ(std::ranges::count(csv, ','), 5 * commas);

  const std::string page = file_bytes(comparison.out / "report.html");
  EXPECT_THAT(page, HasSubstr("data:image/webp;base64,"));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

TEST(Compare, GoesOnWhereItStopped) {
  const TemporaryFolder folder;
  const Comparison comparison(folder);
  ASSERT_EQ(comparison.draw("f32").exit_code, 0);
  const fs::path result = comparison.out / "f32/000001.json", kept = comparison.out / "f32/000000.json";
  const std::string before = file_bytes(kept);
  const Image before_image = picture(comparison.out / "f32/000001.png").image;
  EXPECT_THAT(comparison.draw("f32").err, HasSubstr("--resume"));

  // One result lost, one row more: the lost picture comes back as it was, the others are not drawn again.
  fs::remove(result);
  fs::remove(comparison.out / "f32/000001.png");
  const Outcome more = comparison.draw("f32,bf16", {"--resume"});
  ASSERT_EQ(more.exit_code, 0) << more.err;
  EXPECT_EQ(file_bytes(kept), before);
  EXPECT_TRUE(fs::exists(result));
  EXPECT_EQ(picture(comparison.out / "f32/000001.png").image, before_image);
  EXPECT_EQ(row_of(comparison.report(), "bf16").at("pairs").at("n"), 4);

  const Outcome other = comparison.draw("f32", {"--resume", "--cfg-scale", "1"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("pictures/0/cfg is nothing there, asked for is 1.0"));
  written(comparison.out / "f32/000002.json", "{}");
  const Outcome damaged = comparison.draw("f32", {"--resume"});
  EXPECT_EQ(damaged.exit_code, 3);
  EXPECT_THAT(damaged.err, HasSubstr("000002.json"));
}

TEST(Compare, WhatCannotBeComparedIsRefusedBeforeAnythingIsDrawn) {
  const TemporaryFolder folder;
  const Comparison comparison(folder);
  for (const auto& [dtypes, words] : std::map<std::string, std::string>{{"int4", "unknown value 'int4'"},
                                                                        {"f32,,bf16", "unknown value ''"},
                                                                        {"bf16+speed", "unknown variant 'speed'"}}) {
    const Outcome o = comparison.draw(dtypes);
    EXPECT_EQ(o.exit_code, 2) << dtypes;
    EXPECT_THAT(o.err, HasSubstr(words));
    EXPECT_THAT(o.err, HasSubstr("possible: "));
  }
  EXPECT_FALSE(fs::exists(comparison.out));
  EXPECT_EQ(run({"compare"}).exit_code, 2);
  const Outcome study = run({.arguments = {"compare", "--preset", "study", "-o", "s"},
                             .environment = {{"NEWBIE_MODEL", ""}},
                             .folder = folder.path()});
  EXPECT_EQ(study.exit_code, 2);
  EXPECT_THAT(study.err, HasSubstr("a model is needed"));
  EXPECT_EQ(run({"compare", "--preset", "study", "-m", avatar().string()}).exit_code, 2);  // no folder
  written(comparison.prompts, "{\"prompt\": \"1girl\", \"output\": \"a.png\"}");
  EXPECT_EQ(comparison.draw("f32").exit_code, 2);
}

TEST(Compare, TheStudysTableIsChecked) {
  const std::string study = fs::path(NEWBIE_SOURCE_DIR) / "examples/study.json";
  const Outcome o = run({"compare", "--check", study});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("tf32 would do"));
  EXPECT_THAT(o.out, HasSubstr("no evidence of a difference"));
  const Outcome json = run({"compare", "--check", study, "--json"});
  size_t impossible = 0;
  const Json found = parse_json(json.out, "findings");
  for (const Json& f : found.at("findings")) impossible += f.at("verdict") == "impossible";
  EXPECT_EQ(impossible, 4u);  // the time of f32, and every memory
  const std::string holds = fs::path(NEWBIE_SOURCE_DIR) / "examples/diffusers_speed.json";
  EXPECT_THAT(run({"compare", "--check", holds}).out, HasSubstr("nothing to object to"));
}

TEST(MemoryLog, TellsEveryStageAndStep) {
  const TemporaryFolder folder;
  const std::string log = folder / "memory.jsonl", page = folder / "memory.html";
  const Outcome o = run({"generate", "-p", "1girl", "-W", "64", "-H", "64", "--steps", "3", "--sampling-method",
                         "euler", "--scheduler", "flow_euler", "-o", folder / "a.png", "--memory-log", log, "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  std::istringstream lines(file_bytes(log));
  std::vector<std::string> names;
  size_t steps = 0, most = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json point = parse_json(line, log);
    names.push_back(point.at("point"));
    steps += point.contains("step");
    EXPECT_GE(point.at("allocated_bytes").get<size_t>(), point.at("weights_bytes").get<size_t>());
    if (point.contains("planned_bytes")) {
      EXPECT_LE(point.at("allocated_bytes").get<size_t>(), point.at("planned_bytes").get<size_t>()) << line;
    }
    most = std::max(most, point.at("allocated_bytes").get<size_t>());
  }
  EXPECT_EQ(steps, 3u);
  for (const char* name : {"before loading", "after opening", "before encoders", "gemma running", "after encoders",
                           "denoise running", "after denoising", "decode running", "after decoding"})
    EXPECT_THAT(names, testing::Contains(name));
  EXPECT_EQ(names.front(), "before loading");
  EXPECT_EQ(names.back(), "after decoding");
  // A stage's arena is there when it is told of, so the largest figure is near the planned peak.
  const Json json = parse_json(o.out, "stdout");
  EXPECT_LE(most, json.at("memory").at("planned_allocated_bytes").get<size_t>());
  EXPECT_GE(2 * most, json.at("memory").at("planned_allocated_bytes").get<size_t>());

  ASSERT_EQ(run({"memory-report", log, log, "-o", page}).exit_code, 0);
  EXPECT_THAT(file_bytes(page), HasSubstr("after encoders"));
  EXPECT_THAT(file_bytes(page), Not(HasSubstr("http")));
  written(log, "{\"point\": 1}\n");
  EXPECT_EQ(run({"memory-report", log}).exit_code, 3);
  EXPECT_EQ(run({"generate", "-p", "a", "--memory-log", folder / "nowhere/log"}).exit_code, 3);
}

// What a comparison keeps of pictures: their bytes, and of their results what no clock and no plan of memory decides
// (an engine's first picture holds other weights than its next). Hashes, as nobody reads these bytes.
std::map<std::string, size_t> kept(const fs::path& folder) {
  std::map<std::string, size_t> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).string();
    if (!entry.is_regular_file() || name.starts_with("report.")) continue;
    std::string bytes = file_bytes(entry.path());
    if (entry.path().extension() == ".json" && name != "comparison.json") {
      const Json json = parse_json(bytes, name);
      bytes.clear();
      for (const char* result : {"drawn", "good", "error", "events", "evaluations", "observed", "steps", "values"})
        bytes += json.at(result).dump();
    }
    out[name] = std::hash<std::string>()(bytes);
  }
  return out;
}

TEST(Compare, SharesPutTogetherAreTheComparison) {
  const TemporaryFolder whole_folder, first_folder, second_folder;
  const Comparison whole(whole_folder), first(first_folder), second(second_folder);
  ASSERT_EQ(whole.draw("bf16").exit_code, 0);
  const Outcome o = first.draw("bf16", {"--shard", "1/2"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("--resume"));
  EXPECT_FALSE(fs::exists(first.out / "report.json"));
  EXPECT_TRUE(fs::exists(first.out / "bf16/000002.png"));
  EXPECT_FALSE(fs::exists(first.out / "bf16/000001.png"));
  ASSERT_EQ(second.draw("bf16", {"--shard", "2/2", "--json"}).exit_code, 0);
  fs::copy(second.out, first.out, fs::copy_options::recursive | fs::copy_options::skip_existing);
  EXPECT_EQ(kept(first.out), kept(whole.out));

  ASSERT_EQ(first.draw("bf16", {"--resume"}).exit_code, 0);
  const std::string report = file_bytes(first.out / "report.md");
  fs::remove_all(whole.out);
  fs::copy(first.out, whole.out, fs::copy_options::recursive);
  ASSERT_EQ(whole.draw("bf16", {"--resume"}).exit_code, 0);
  EXPECT_EQ(file_bytes(whole.out / "report.md"), report) << "the same folder, the same report";

  EXPECT_EQ(first.draw("bf16", {"--shard", "3/2"}).exit_code, 2);
  EXPECT_EQ(first.draw("bf16", {"--shard", "1/2", "--seed", "9"}).exit_code, 2) << "another comparison is there";
  EXPECT_EQ(first.draw("bf16", {"--shard", "1/2", "--resume"}).exit_code, 2);
}

}  // namespace
}  // namespace newbie::e2e
