// newbie samplers and newbie models.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

#include "core/json.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "e2e/run_program.h"
#include "generate/request.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

Json json_of(std::vector<std::string> arguments) {
  const Outcome o = run(std::move(arguments));
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return parse_json(o.out, "standard output");
}

TEST(Samplers, EveryOneIsListedAndTheDefaultIsMarkedOnce) {
  const Json json = json_of({"samplers", "--json"});
  ASSERT_EQ(json["samplers"].size(), samplers().size());
  size_t defaults = 0;
  for (size_t i = 0; i < samplers().size(); ++i) {
    const Json& one = json["samplers"][i];
    EXPECT_EQ(one["name"], samplers()[i]->name);
    EXPECT_EQ(one["summary"], samplers()[i]->summary);
    defaults += one["default"].get<bool>();
    EXPECT_EQ(one["default"], one["name"] == GenerateRequest{}.sampler);
  }
  EXPECT_EQ(defaults, 1u);
  ASSERT_EQ(json["schedules"].size(), schedules().size());
  for (const Json& one : json["schedules"])
    EXPECT_EQ(one["default"], one["name"] == find_sampler(GenerateRequest{}.sampler).default_schedule);

  const Outcome text = run({"samplers"});
  for (const Sampler* s : samplers()) EXPECT_THAT(text.out, HasSubstr(std::string(s->name) + " "));
  for (const Schedule& s : schedules()) EXPECT_THAT(text.out, HasSubstr(s.summary));
  EXPECT_THAT(text.out, testing::ContainsRegex("res_multistep .*\\(default\\)"));
}

TEST(Models, TheEmbeddedOneIsFoundAndUsed) {
  const Json json = json_of({"models", "--json"});
  const Json& last = json["models"].back();
  EXPECT_EQ(last["origin"], "source tree");
  EXPECT_EQ(last["folder"], avatar().string());
  EXPECT_EQ(last["problem"], "");
  ASSERT_EQ(last["parts"].size(), 4u);
  for (const Json& part : last["parts"]) {
    EXPECT_GT(part["parameters"].get<size_t>(), 0u);
    EXPECT_EQ(part["hash"].get<std::string>().size(), 10u);
    EXPECT_FALSE(part["dtypes"].empty());
  }
  size_t used = 0;
  for (const Json& model : json["models"]) used += model["used"].get<bool>();
  EXPECT_EQ(used, 1u);
  EXPECT_THAT(run({"models"}).out, HasSubstr(avatar().string() + " (source tree)"));
}

TEST(Models, TheEnvironmentWinsAndTheFlagWinsOverIt) {
  const TemporaryFolder empty;
  Outcome o = run({.arguments = {"models"}, .environment = {{"NEWBIE_MODEL", empty.path().string()}}});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, testing::StartsWith(empty.path().string() + " (NEWBIE_MODEL): used\n"));
  EXPECT_THAT(o.out, HasSubstr("problem: "));

  o = run({.arguments = {"models", "-m", avatar().string()}, .environment = {{"NEWBIE_MODEL", "/nowhere"}}});
  EXPECT_THAT(o.out, testing::StartsWith(avatar().string() + " (given): used\n"));
  EXPECT_THAT(o.out, testing::Not(HasSubstr("/nowhere")));

  o = run({"models", "-m", "/nowhere"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, testing::StartsWith("/nowhere (given): used\n  nothing there\n"));
}

}  // namespace
}  // namespace newbie::e2e
