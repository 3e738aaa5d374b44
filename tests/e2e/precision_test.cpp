// newbie precision, policy files, and what a picture remembers of them.
#include <gmock/gmock.h>

#include "core/files.h"
#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class Precision : public ::testing::Test {
 protected:
  // Without the cache of whoever runs the tests.
  Outcome tell(std::vector<std::string> more) {
    more.insert(more.begin(), "precision");
    return run({.arguments = std::move(more), .environment = {{"XDG_CACHE_HOME", (folder_ / "cache").string()}}});
  }
  std::string write(const char* name, std::string_view text) {
    write_file_atomically(folder_ / name, text);
    return (folder_ / name).string();
  }
  TemporaryFolder folder_;
};

TEST_F(Precision, TellsPolicyReasonsAndRatesAndKeepsTheRates) {
  const Outcome first = tell({"--dtype", "f16", "-t", "2"});  // named, as one CPU may be all there are
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("emulated"));
  EXPECT_THAT(first.out, HasSubstr("bf16 storage and compute, f32 accumulate: "));
  EXPECT_THAT(first.out, HasSubstr("half the memory"));
  EXPECT_THAT(first.out, HasSubstr("measured now"));
  const fs::path cache = folder_ / "cache/newbie/rates.json";
  ASSERT_TRUE(fs::exists(cache));
  EXPECT_THAT(tell({"-t", "2"}).out, HasSubstr(cache.string()));
  EXPECT_THAT(tell({"-t", "1"}).out, HasSubstr("measured now")) << "other threads, other rates";
  EXPECT_THAT(tell({"--measure"}).out, HasSubstr("measured now"));
  write_file_atomically(cache, "{");
  EXPECT_THAT(tell({}).out, HasSubstr("measured now"));

  const Outcome homeless = run(
      {.arguments = {"precision"}, .environment = {{"XDG_CACHE_HOME", ""}, {"HOME", ""}}, .folder = folder_.path()});
  EXPECT_EQ(homeless.exit_code, 0);
  EXPECT_THAT(homeless.out, HasSubstr("measured now"));
  EXPECT_THAT(names_in(folder_.path()), testing::ElementsAre("cache"));
}

TEST_F(Precision, Json) {
  const Outcome o = tell({"--json", "--precision", "f16-safe"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json json = Json::parse(o.out);
  EXPECT_EQ(json["preset"], "f16-safe");
  EXPECT_EQ(json["dtype"], "f16");
  EXPECT_EQ(json["emulated"], true);
  EXPECT_EQ(json["rates"].size(), 4U);
  for (const Json& rate : json["rates"]) EXPECT_GT(rate["gflops"].get<double>(), 0);
  EXPECT_FALSE(json["policy"]["rules"].empty());
}

TEST_F(Precision, ExplainsWhichRuleWon) {
  const std::string policy = write("policy.toml", "[[rule]]\npath = \"layers.1.*\"\ncompute = \"f32\"\n");
  const Outcome o = tell({"--dtype", "bf16", "--precision-policy", policy, "--explain", "layers.1.feed_forward.w2"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("transformer.layers.1.feed_forward.w2 (linear, matmul)"));
  EXPECT_THAT(o.out, HasSubstr("storage    bf16  preset balanced (class matmul)"));
  EXPECT_THAT(o.out, HasSubstr("compute    f32   " + policy + ":1, rule 1 (path transformer.layers.1.*)"));
  EXPECT_THAT(o.out, HasSubstr("(swiglu, activation)")) << "the product that w2 reads goes by its name";

  const Outcome unknown = tell({"--explain", "layers.77"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("transformer.layers.77"));
}

TEST_F(Precision, PoliciesThatAreNoneAreRefusedWithTheirLine) {
  const auto refused = [&](std::string_view text, const char* why) {
    const Outcome o = tell({"--precision-policy", write("p.toml", text)});
    EXPECT_EQ(o.exit_code, 2) << text;
    EXPECT_THAT(o.err, HasSubstr(why)) << text;
  };
  refused("", "there is no rule");
  refused("rule = 3", "p.toml:1: rule: expected [[rule]] tables");
  refused("[rules]", "p.toml:1: unknown key 'rules'");
  refused("[[rule]]\npath = \"x\"", "sets nothing");
  refused("[[rule]]\nstorage = 16", "p.toml:2: storage: expected a string");
  refused("[[rule]]\n\nstorage = \"f64\"", "p.toml:3: storage: expected f32, bf16 or f16, got 'f64'");
  refused("[[rule]]\nclass = \"norms\"\nstorage = \"f32\"", "unknown class 'norms'");
  refused("[[rule]]\nop = \"reshape\"\nstorage = \"f32\"", "no op 'reshape' that computes");
  refused("[[rule]]\nwhere = \"x\"", "unknown key 'where'");
  refused("[[rule", "p.toml:1:");
  EXPECT_EQ(tell({"--precision", "quarter"}).exit_code, 2);
  EXPECT_EQ(tell({"--precision", "exact", "--dtype", "bf16"}).exit_code, 2);
}

TEST_F(Precision, CastsAreSeenInTheGraph) {
  const auto casts = [&](const char* preset) {
    const Outcome o = run({"inspect", "--graph", "--precision", preset, (avatar() / "transformer").string()});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return o.out;
  };
  EXPECT_THAT(casts("exact"), Not(HasSubstr("= cast(")));
  EXPECT_THAT(casts("f16-safe"), HasSubstr("= cast("));
  EXPECT_THAT(casts("f16-safe"), HasSubstr(" f16 ["));
  EXPECT_THAT(casts("f16-naive"), HasSubstr("attention_softmax"));
}

TEST_F(Precision, APictureIsDrawnAgainInItsPrecision) {
  const auto draw = [&](const char* name, std::vector<std::string> more) {
    const std::string path = (folder_ / name).string();
    more.insert(more.begin(), {"generate", "-W", "32", "-H", "32", "--steps", "2", "-q", "-o", path});
    const Outcome o = run(more);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return std::pair(path, o.err);
  };
  const std::string first = draw("first.png", {"-p", "a", "--precision", "autocast-cpu"}).first;
  EXPECT_EQ(file_bytes(draw("again.png", {"--from", first}).first), file_bytes(first));
  const auto [f32, words] = draw("f32.png", {"--from", first, "--dtype", "f32"});
  EXPECT_NE(file_bytes(f32), file_bytes(first));
  EXPECT_EQ(file_bytes(draw("f32 again.png", {"--from", f32}).first), file_bytes(f32));

  const std::string policy = write("policy.toml", "[[rule]]\npath = \"vae\"\nstorage = \"f16\"\n");
  const std::string ruled = draw("ruled.png", {"-p", "a", "--precision-policy", policy}).first;
  EXPECT_EQ(file_bytes(draw("same.png", {"--from", ruled, "--precision-policy", policy}).first), file_bytes(ruled));
  const Outcome told = run({"generate", "--from", ruled, "-o", (folder_ / "other.png").string()});
  EXPECT_THAT(told.err, HasSubstr("--precision-policy"));
}

TEST_F(Precision, StrictGuardDrawsAHealthyPicture) {
  const Outcome o = run({"generate", "-p", "a", "-W", "32", "-H", "32", "--steps", "2", "--guard", "strict", "--json",
                         "-o", (folder_ / "a.png").string()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(Json::parse(o.out)["guard"].empty());
}

}  // namespace
}  // namespace newbie::e2e
