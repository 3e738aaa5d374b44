// Devices as a person meets them: what is said where there are none.
#include <gmock/gmock.h>

#include "core/json.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

// A loader that finds no driver, whatever this machine has.
Outcome without_driver(std::vector<std::string> words, const std::filesystem::path& folder) {
  return run({.arguments = std::move(words),
              .environment = {{"VK_ICD_FILENAMES", "/nowhere.json"}, {"VK_DRIVER_FILES", "/nowhere.json"}},
              .folder = folder});
}

TEST(Devices, WithoutADriverTheProgramSaysSoAndDrawsNothing) {
  const TemporaryFolder folder;
  const Outcome list = without_driver({"devices", "--json"}, folder.path());
  ASSERT_EQ(list.exit_code, 0) << list.err;
  const Json told = parse_json(list.out, "devices");
  EXPECT_TRUE(told.at("vulkan").empty());
  EXPECT_FALSE(told.at("problem").get<std::string>().empty());

  const Outcome drawn =
      without_driver({"generate", "-p", "a girl", "-W", "16", "-H", "16", "--device", "vulkan"}, folder.path());
  EXPECT_EQ(drawn.exit_code, 4) << drawn.err;
  EXPECT_THAT(drawn.err, HasSubstr("or use the CPU"));
  EXPECT_TRUE(names_in(folder.path()).empty());

  const Outcome automatic =
      without_driver({"plan", "-W", "16", "-H", "16", "--device", "auto", "--json"}, folder.path());
  ASSERT_EQ(automatic.exit_code, 0) << automatic.err;
  EXPECT_FALSE(parse_json(automatic.out, "plan").contains("device"));
}

TEST(Devices, PlansNeedNoCard) {
  const TemporaryFolder folder;
  const Outcome o =
      without_driver({"plan", "-W", "64", "-H", "64", "--device", "vulkan", "--vram", "6GiB", "--json"}, folder.path());
  if (o.exit_code == 4) GTEST_SKIP() << o.err;  // built without Vulkan
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("assumed card"));
  const Json device = parse_json(o.out, "plan").at("device");
  EXPECT_EQ(device.at("name"), "an assumed card");
  EXPECT_EQ(device.at("budget_bytes"), size_t{6} << 30);
  EXPECT_GT(device.at("allocated_peak_bytes"), 0);

  const Outcome drawn = run({.arguments = {"generate", "-p", "a girl", "-W", "16", "-H", "16", "--device",
                                           "vulkan:assumed", "--vram", "1GiB"},
                             .folder = folder.path()});
  EXPECT_EQ(drawn.exit_code, 4) << drawn.err;
  EXPECT_THAT(drawn.err, HasSubstr("plans only"));
  EXPECT_TRUE(names_in(folder.path()).empty());
}

}  // namespace
}  // namespace newbie::e2e
