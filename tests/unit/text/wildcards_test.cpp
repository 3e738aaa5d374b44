#include "text/wildcards.h"

#include <gmock/gmock.h>

#include <set>

#include "core/files.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

TEST(Wildcards, TheSeedChooses) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "hair.txt", std::string_view("\xEF\xBB\xBFred\r\n# no\n\n  blue \ngreen"));
  std::filesystem::create_directory(folder / "more");
  write_file_atomically(folder / "more/both.txt", std::string_view("__hair__ and __hair__"));
  Wildcards wildcards(folder.path());
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const std::string text = wildcards.resolve("<a>__hair__</a>", seed);
    EXPECT_EQ(Wildcards(folder.path()).resolve("<a>__hair__</a>", seed), text);
    seen.insert(text);
  }
  EXPECT_THAT(seen, testing::ElementsAre("<a>blue</a>", "<a>green</a>", "<a>red</a>"));
  // Computed apart from this code: another machine must choose the same.
  EXPECT_EQ(wildcards.resolve("__hair__ __hair__ __hair__ __hair__", 7), "red green red green");
  EXPECT_EQ(wildcards.resolve("__more/both__", 1).find('_'), std::string::npos);
  EXPECT_EQ(wildcards.resolve("a __ b __, >__<, __, ____", 1), "a __ b __, >__<, __, ____");
}

TEST(Wildcards, Mistakes) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "empty.txt", std::string_view("# nothing\n"));
  write_file_atomically(folder / "loop.txt", std::string_view("__loop__ __loop__"));
  write_file_atomically(folder / "bytes.txt", std::string_view("\xFF"));
  write_file_atomically(folder / "long.txt", std::string(600000, 'x'));
  Wildcards wildcards(folder.path());
  EXPECT_ERROR(wildcards.resolve("__missing__", 0), ErrorKind::InvalidRequest, "missing.txt");
  EXPECT_ERROR(wildcards.resolve("__loop__", 0), ErrorKind::InvalidRequest, "deeper");
  EXPECT_ERROR(wildcards.resolve("__long__ __long__", 0), ErrorKind::InvalidRequest, "longer than");
  EXPECT_ERROR(wildcards.resolve("__empty__", 0), ErrorKind::BadFile, "no lines");
  EXPECT_ERROR(wildcards.resolve("__bytes__", 0), ErrorKind::BadFile, "UTF-8");
  EXPECT_ERROR(Wildcards(folder / "no"), ErrorKind::BadFile, "no folder");
  EXPECT_EQ(wildcards.resolve("__../loop__", 0), "__../loop__");
}

}  // namespace
}  // namespace newbie
