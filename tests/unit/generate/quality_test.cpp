// quality is another way to say sampler, schedule and steps.
#include "generate/quality.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "diffusion/registry.h"
#include "generate/request_json.h"

namespace newbie {
namespace {

GenerateRequest read(const char* json, GenerateRequest base = {}) {
  return request_from_json(parse_ordered_json(json, "test"), std::move(base));
}

TEST(Quality, ARequestSaysItInBothWays) {
  EXPECT_EQ(quality_of({}), Quality::Manual) << "the default is what the reference does";
  int64_t before = 0;
  for (const char* word : {"draft", "normal", "fine"}) {
    const GenerateRequest r = read(fmt::format(R"({{"quality": "{}"}})", word).c_str());
    EXPECT_EQ(name_in(qualities(), quality_of(r)), word);
    EXPECT_NO_THROW(check_request(r));
    EXPECT_GT(evaluations_of(r), before) << word;
    before = evaluations_of(r);
    const GenerateRequest same = read(
        fmt::format(R"({{"sampler": "{}", "schedule": "{}", "steps": {}}})", r.sampler, r.schedule, r.steps).c_str());
    EXPECT_EQ(request_to_json(same), request_to_json(r));
  }
  EXPECT_LT(before, evaluations_of({}));
}

TEST(Quality, WinsOverStepsAndLevelsByHand) {
  const GenerateRequest r = read(R"({"quality": "draft", "steps": 40, "sigmas": [1, 0]})");
  EXPECT_EQ(quality_of(r), Quality::Draft);
  EXPECT_EQ(quality_of(read(R"({"quality": "manual", "steps": 40})")), Quality::Manual);
  // A line of a list changes what the flags said.
  EXPECT_EQ(quality_of(read(R"({"quality": "fine"})", r)), Quality::Fine);
  const GenerateRequest fewer = read(R"({"steps": 5})", r);
  EXPECT_EQ(fewer.steps, 5);
  EXPECT_EQ(fewer.sampler, "unipc");
  EXPECT_EQ(quality_of(fewer), Quality::Manual);
}

TEST(Quality, EvaluationsAreCounted) {
  EXPECT_EQ(evaluations_of({}), 56) << "28 steps, with guidance";
  EXPECT_EQ(evaluations_of(read(R"({"cfg": 1})")), 28);
  EXPECT_EQ(evaluations_of(read(R"({"sampler": "rk4", "steps": 5})")), 4 * 4 * 2) << "official: a point is no interval";
  EXPECT_EQ(evaluations_of(read(R"({"hires_scale": 2, "hires_strength": 0.5})")), 2 * (28 + 14));
}

TEST(Quality, EvaluationsWithoutGuidanceAreCountedWhereTheyLie) {
  // Levels by hand are at times 0, 0.3 and 0.6: two of them below 0.5.
  EXPECT_EQ(evaluations_of(read(R"({"sigmas": [1, 0.7, 0.4, 0], "cfg_trunc": 0.5})")), 2 * 2 + 1);
  EXPECT_FALSE(evaluations_are_bounds(read(R"({"cfg_trunc": 0.5})")));
  EXPECT_TRUE(evaluations_are_bounds(read(R"({"cfg_hold": 0.2})")));
  EXPECT_FALSE(evaluations_are_bounds(read(R"({"cfg_hold": 0.2, "cfg": 1})")));
}

TEST(Quality, AToleranceIsInsteadOfEveryOtherWord) {
  const GenerateRequest r = read(R"({"tolerance": 0.1, "sigmas": [1, 0], "quality": "draft"})");
  EXPECT_EQ(sampler_of(r).name, tolerant_sampler().name);
  EXPECT_EQ(noise_levels(r).schedule, tolerant_sampler().default_schedule);
  EXPECT_EQ(noise_levels(r).sigmas.size(), size_t{kAdaptiveLevels} + 1);
  EXPECT_EQ(quality_of(r), Quality::Manual);
  EXPECT_TRUE(evaluations_are_bounds(r));
  EXPECT_EQ(evaluations_of(r), 2 * tolerant_sampler().evaluations(kAdaptiveLevels));
  // Who says one of the others later takes it back.
  for (const char* later : {R"({"steps": 5})", R"({"quality": "fine"})", R"({"sampler": "euler"})"})
    EXPECT_EQ(read(later, r).tolerance, 0) << later;
  EXPECT_THROW(read(R"({"tolerance": 0.001})"), Error) << "finer than the grid";
}

}  // namespace
}  // namespace newbie
