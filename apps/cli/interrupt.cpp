#include "interrupt.h"

#include <signal.h>

namespace newbie {

namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not take a lock");

volatile sig_atomic_t stopped_by = 0;

extern "C" void request_stop(int number) {
  stopped_by = number;
  stop_requested.store(true, std::memory_order_relaxed);
}

}  // namespace

StopToken stop_on_signals() {
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU}) {
    struct sigaction before {};
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = request_stop;
    const auto once = static_cast<unsigned>(SA_RESETHAND);  // back to the default for the second one
    action.sa_flags = static_cast<int>(SA_RESTART | (number == SIGXCPU ? 0 : once));
    ::sigaction(number, &action, nullptr);
  }
  return StopToken(&stop_requested);
}

int stop_signal() { return stopped_by; }

}  // namespace newbie
