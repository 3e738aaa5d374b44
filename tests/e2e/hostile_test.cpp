// Files and circumstances that mean ill: deep TOML, pictures that unpack to gigabytes, a closed standard output.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "image/png.h"
#include "unit/core/temporary_folder.h"
#include "unit/image/handmade_png.h"

namespace newbie::e2e {
namespace {

using testing::HasSubstr;

TEST(Hostile, DeepTomlIsRefusedBeforeTheParserRecurses) {
  const TemporaryFolder folder;
  std::string dots = "a";
  for (int i = 0; i < 60000; ++i) dots += ".a";
  for (const std::string& text : {dots + " = 1\n", "a = " + std::string(60000, '[') + "\n", "[" + dots + "]\n",
                                  "a = {b = " + std::string(60000, '{'), "[[" + dots + "]]\nb = 1\n"}) {
    std::ofstream(folder / "deep.toml") << "# a comment with ... dots and [[[[ brackets\n" << text;
    for (const char* flag : {"--profile", "--precision-policy"}) {
      const Outcome o = run({.arguments = {"plan", "-p", "x", flag, "deep.toml"}, .folder = folder.path()});
      EXPECT_EQ(o.exit_code, 2) << flag << ": " << o.err;
      EXPECT_THAT(o.err, HasSubstr("deep.toml:2: nested more than 32 deep"));
    }
  }
  std::ofstream(folder / "fine.toml") << "prompt = \"\"\"a. b. c. " << std::string(100, '[')
                                      << "\"\"\"\nsigmas = [1.0, 0.5, 0.0]\n";
  EXPECT_EQ(
      run({.arguments = {"plan", "--profile", "fine.toml", "-W", "32", "-H", "32"}, .folder = folder.path()}).exit_code,
      0);
}

TEST(Hostile, APictureThatGoesNowhereIsAnError) {
  const TemporaryFolder folder;
  const Outcome o = run({.arguments = {"generate", "-q", "-p", "x", "--steps", "1", "-W", "16", "-H", "16", "-o", "-"},
                         .folder = folder.path(),
                         .before_exec = [] { ::close(STDOUT_FILENO); }});
  EXPECT_EQ(o.exit_code, 3) << o.err;
  EXPECT_THAT(o.err, HasSubstr("standard output"));
}

TEST(Hostile, AnInitPictureIsPlannedByItsHeader) {
  const TemporaryFolder folder;
  {  // 8192 x 8192 with 16 bits a channel; what follows the header is never read
    std::ofstream file(folder / "large.png", std::ios::binary);
    file << test::png_file({8192, 8192, 16, 6}, "", "");
  }
  const Outcome o =
      run({.arguments = {"generate", "-p", "x", "-i", "large.png", "-W", "32", "-H", "32", "--memory", "80MiB"},
           .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 5) << o.err;
  EXPECT_THAT(o.err, HasSubstr("large.png: a picture of 8192x8192 takes 513 MiB to read"));
}

}  // namespace
}  // namespace newbie::e2e
