// newbie bench and newbie profile, on the shapes of the embedded model.
#include <gmock/gmock.h>

#include <sstream>

#include "core/files.h"
#include "core/json.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(parse_json(line, "a line of newbie bench"));
  return out;
}

Outcome call(std::vector<std::string> arguments) { return run(std::move(arguments)); }

TEST(Bench, EveryNetworkIsOneJsonLine) {
  for (const char* work : {"step", "text", "clip", "vae", "vae-encode"}) {
    SCOPED_TRACE(work);
    const Outcome o = call({"bench", work, "--model", NEWBIE_SOURCE_DIR "/models/avatar", "--size", "64", "--tokens",
                            "20", "--repeats", "2", "--no-peak", "-q"});
    ASSERT_EQ(o.exit_code, 0) << o.err;
    const std::vector<Json> lines = lines_of(o.out);
    ASSERT_EQ(lines.size(), 1u) << o.out;
    EXPECT_EQ(lines[0]["seconds"]["repeats"], 2);
    EXPECT_GT(lines[0]["seconds"]["min"].get<double>(), 0);
    EXPECT_LE(lines[0]["seconds"]["min"].get<double>(), lines[0]["seconds"]["median"].get<double>());
    EXPECT_GE(lines[0]["planned_bytes"].get<size_t>(), lines[0]["allocated_bytes"].get<size_t>());
  }
}

TEST(Bench, ThePeakComesFirstAndSpeedIsAShareOfIt) {
  const Outcome o = call({"bench", "step", "--model", NEWBIE_SOURCE_DIR "/models/avatar", "--size", "64", "--tokens",
                          "20", "--repeats", "1", "--dtype", "f32", "-q"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const std::vector<Json> lines = lines_of(o.out);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines[0]["bench"], "peak");
  const Json& last = lines.back();
  EXPECT_GT(last["share_of_peak"].get<double>(), 0);
  EXPECT_LT(last["share_of_peak"].get<double>(), 1.5);  // another process may have slowed the peak's measurement
}

TEST(Bench, WhatDoesNotFitIsAnError) {
  const Outcome odd = call({"bench", "step", "--size", "60", "--no-peak"});
  EXPECT_EQ(odd.exit_code, 2);
  EXPECT_THAT(odd.err, HasSubstr("multiples of 16"));
  const Outcome small = call({"bench", "step", "--memory", "100MiB", "--no-peak"});  // at full size
  EXPECT_EQ(small.exit_code, 5);
  EXPECT_THAT(small.err, HasSubstr("--layers"));
}

TEST(ProfileOfANetwork, HasATableAndATrace) {
  const TemporaryFolder folder;
  const std::string trace = (folder / "trace.json").string();
  const Outcome o = call({"profile", "--work", "step", "--model", NEWBIE_SOURCE_DIR "/models/avatar", "--size", "64",
                          "--tokens", "20", "--repeats", "2", "--trace", trace, "-q"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("layers.*.feed_forward.w2 (linear)"));
  EXPECT_THAT(o.out, HasSubstr("step in all, mean of 2"));
  const Json json = parse_json(read_file(trace, size_t{1} << 24), "trace");
  ASSERT_GT(json["traceEvents"].size(), 20u);
  for (const Json& event : json["traceEvents"]) {
    EXPECT_EQ(event["ph"], "X");
    EXPECT_GE(event["dur"].get<double>(), 0);
  }
}

}  // namespace
}  // namespace newbie::e2e
