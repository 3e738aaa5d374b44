// The log never holds the server up.
#include "line_log.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

namespace newbie::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A reader that stops reading until it is let go on.
struct Reader {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> lines;
  bool reads = false, is_asked = false;

  void put(std::string_view line) {
    std::unique_lock lock(mutex);
    is_asked = true;
    changed.notify_all();
    changed.wait(lock, [&] { return reads; });
    lines.emplace_back(line);
    changed.notify_all();
  }
  void go_on() {
    const std::lock_guard lock(mutex);
    reads = true;
    changed.notify_all();
  }
};

TEST(LineLog, GoesOnWhenNobodyReadsAndTellsWhatWasLost) {
  Reader reader;
  {
    LineLog log({.put = [&](std::string_view line) { reader.put(line); }, .most_waiting = 2});
    log.say("first");
    {
      std::unique_lock lock(reader.mutex);
      reader.changed.wait(lock, [&] { return reader.is_asked; });
    }
    for (const char* words : {"second", "third", "lost", "lost, too"}) log.say(words);  // none of them waits
    reader.go_on();
    {
      std::unique_lock lock(reader.mutex);
      reader.changed.wait(lock, [&] { return reader.lines.size() == 3; });
    }
    log.say("last");
  }
  EXPECT_THAT(reader.lines,
              ElementsAre(HasSubstr("server: first\n"), HasSubstr("server: second\n"), HasSubstr("server: third\n"),
                          HasSubstr("warning: 2 lines found no room"), HasSubstr("server: last\n")));
}

}  // namespace
}  // namespace newbie::test
