// Profiles under flags.
#include <gmock/gmock.h>

#include <fstream>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "generate/metadata.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

Json request_of(const TemporaryFolder& folder, std::vector<std::string> more) {
  std::vector<std::string> words{"generate", "-q", "-W", "32", "-H", "32"};
  words.insert(words.end(), more.begin(), more.end());
  const Outcome o = run({.arguments = words, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return o.exit_code == 0 ? parse_json(text_of(picture(folder / "output.png"), kRequestKey), "request") : Json();
}

Outcome with_profile(const TemporaryFolder& folder, const std::string& toml) {
  std::ofstream(folder / "p.toml") << toml;
  return run({.arguments = {"generate", "-p", "a", "--profile", "p.toml"}, .folder = folder.path()});
}

TEST(Profile, TheOfficialDemosSettings) {
  const TemporaryFolder folder;
  const Json r = request_of(folder, {"-p", "a", "--profile", "official-demo"});
  EXPECT_EQ(r["sampler"], "midpoint");
  EXPECT_EQ(r["schedule"], "official");
  EXPECT_EQ(r["steps"], 18);
  EXPECT_EQ(r["cfg"], 5.0);
  EXPECT_EQ(r["cfg_trunc"], 0.25);
  EXPECT_EQ(r["renorm_cfg"], 0.0);
}

TEST(Profile, FlagsWinOverAFile) {
  const TemporaryFolder folder;
  std::ofstream(folder / "p.toml") << "steps = 9\ncfg_scale = 3\nnegative-prompt = \"red\"\nno-fuse = true\n"
                                      "prompt = \"from the profile\"\nseed = 12\n";
  const Json r = request_of(folder, {"-p", "mine", "--steps", "2", "--profile", "p.toml"});
  EXPECT_EQ(r["prompt"], "mine");
  EXPECT_EQ(r["steps"], 2);
  EXPECT_EQ(r["cfg"], 3.0);
  EXPECT_EQ(r["negative_prompt"], "red");
  EXPECT_EQ(r["seed"], 12);
}

TEST(Profile, AFlagAlsoWinsOverWhatItExcludes) {
  const TemporaryFolder folder;
  std::ofstream(folder / "p.toml") << "sigmas = [1, 0.5, 0.0]\nprompt-file = \"nowhere\"\n";
  const Json by_steps = request_of(folder, {"-p", "a", "--steps", "2", "--profile", "p.toml"});
  EXPECT_FALSE(by_steps.contains("sigmas"));
  EXPECT_EQ(by_steps["steps"], 2);
  EXPECT_EQ(request_of(folder, {"-p", "a", "--profile", "p.toml"})["sigmas"], Json({1.0, 0.5, 0.0}));
}

TEST(Profile, MistakesAreToldWithTheirLine) {
  const TemporaryFolder folder;
  const std::pair<const char*, const char*> cases[] = {
      {"steps = 2\n\ncolour = 3\n", "p.toml:3: unknown key 'colour'"},
      {"steps = \"many\"\n", "p.toml:1: --steps: expected a whole number, 1 to 10000, got 'many'"},
      {"\nsteps = 2.5\n", "p.toml:2: --steps: expected a whole number, 1 to 10000, got '2.5'"},
      {"dtype = \"f64\"\n", "p.toml:1: --dtype: unknown value 'f64'"},
      {"[steps]\nx = 1\n", "p.toml:1: steps: expected a string"},
      {"steps = 1979-05-27\n", "p.toml:1: steps: expected a string"},
      {"steps = 2\nsteps = 3\n", "p.toml:2: "},
      {"cfg-scale = 2\ncfg_scale = 3\n", "is set twice"},
      {"steps = \n", "p.toml:1: "},
      {"json = true\n", "p.toml:1: unknown key 'json'"},
      {"shift = nan\n", "p.toml:1: --shift: expected a number, above 0 to 100, or 0 (the model's own), got 'nan'"},
      {"sigmas = [1, 0]\nsteps = 2\n", "exclude each other"},
      {"prompt = \"\xff\"\n", "p.toml:1: "},
  };
  for (const auto& [toml, message] : cases) {
    const Outcome o = with_profile(folder, toml);
    EXPECT_EQ(o.exit_code, 2) << toml;
    EXPECT_THAT(o.err, HasSubstr(message)) << toml;
    EXPECT_THAT(names_in(folder.path()), testing::ElementsAre("p.toml"));
  }
}

TEST(Profile, AnUnknownNameListsTheProfiles) {
  const Outcome o = run({"generate", "-p", "a", "--profile", "oficial"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("official-demo"));
}

}  // namespace
}  // namespace newbie::e2e
