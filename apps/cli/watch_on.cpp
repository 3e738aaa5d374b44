#include "watch_on.h"

#include <algorithm>
#include <chrono>

namespace newbie {

Watch watch_on(Terminal& terminal, StopToken stop, const std::string& stage) {
  terminal.stage(stage);
  using Clock = std::chrono::steady_clock;
  return {[&terminal, before = Clock::now(), counted = size_t{0}](size_t done, size_t all) mutable {
            if (done <= counted) counted = 0;  // the next kind of item
            const double seconds = std::chrono::duration<double>(Clock::now() - before).count();
            const auto clamped = [](size_t n) { return static_cast<int>(std::min<size_t>(n, 1 << 30)); };
            terminal.step({.done = clamped(done),
                           .all = clamped(all),
                           .seconds = seconds / static_cast<double>(std::max<size_t>(1, done - counted))});
            before = Clock::now();
            counted = done;
          },
          stop};
}

}  // namespace newbie
