#include "last_resort.h"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include "core/machine.h"
#include "exit_code.h"

namespace newbie {

namespace {

// Nothing here may ask for memory.
[[noreturn]] void end() {
  int code = exit_code(ErrorKind::Internal);
  std::string_view text = "newbie: internal: an error that nothing caught\n  hint: please report this\n";
  // Where there is no memory at all, even the throwing of an error may fail, and then nothing says what it was.
  bool is_out_of_memory = false;
  if (void* volatile probe = std::malloc(4096))
    std::free(probe);
  else
    is_out_of_memory = true;
  try {
    if (std::current_exception()) std::rethrow_exception(std::current_exception());
  } catch (const std::bad_alloc&) {
    is_out_of_memory = true;
  } catch (...) {
  }
  if (is_out_of_memory) {
    code = exit_code(ErrorKind::OverBudget);
    text = address_space_limit()
               ? "newbie: over budget: the system gave no more memory\n  hint: raise the limit of address space "
                 "(ulimit -v)\n"
               : "newbie: over budget: the system gave no more memory\n  hint: close other programs\n";
  }
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) ::_exit(code);
  ::_exit(code);
}

// Before the objects of this program that are made before main(): theirs have no priority, and so come later.
__attribute__((constructor(200))) void install() { end_without_signals(); }

}  // namespace

void end_without_signals() { std::set_terminate(end); }

}  // namespace newbie
