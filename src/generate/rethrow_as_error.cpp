#include "generate/rethrow_as_error.h"

#include <filesystem>
#include <new>
#include <stdexcept>

#include "core/error.h"
#include "core/machine.h"

namespace newbie {

void rethrow_as_error() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::OverBudget, "out of memory", hint_for_refused_memory(0));
  } catch (const std::length_error& e) {
    fail(ErrorKind::InvalidRequest, "something asked for is too large: {}", e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    fail(ErrorKind::BadFile, "{}", e.what());
  }
}

}  // namespace newbie
