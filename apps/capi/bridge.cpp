#include "bridge.h"

#include <cstdlib>
#include <new>

struct newbie_error {
  std::string message, hint, field;
};

namespace newbie {

namespace {

newbie_status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::InvalidRequest: return NEWBIE_INVALID_REQUEST;
    case ErrorKind::BadFile: return NEWBIE_BAD_FILE;
    case ErrorKind::Unsupported: return NEWBIE_UNSUPPORTED;
    case ErrorKind::OverBudget: return NEWBIE_OVER_BUDGET;
    case ErrorKind::Cancelled: return NEWBIE_CANCELLED;
    case ErrorKind::Internal: return NEWBIE_INTERNAL;
  }
  return NEWBIE_INTERNAL;
}

newbie_status report(newbie_status status, const char* message, const char* hint, newbie_error** error,
                     const char* field = "") noexcept {
  if (error == nullptr) return status;
  try {
    *error = new newbie_error{message, hint, field};
  } catch (...) {
    *error = nullptr;
  }
  return status;
}

}  // namespace

newbie_status report_exception(newbie_error** error) noexcept {
  try {
    throw;
  } catch (const Error& e) {
    return report(status_of(e.kind()), e.message().c_str(), e.hint().c_str(), error, e.field().c_str());
  } catch (const std::bad_alloc&) {
    return report(NEWBIE_OVER_BUDGET, "out of memory", "", error);
  } catch (const std::exception& e) {
    return report(NEWBIE_INTERNAL, e.what(), "", error);
  } catch (...) {
    return report(NEWBIE_INTERNAL, "an unknown exception", "", error);
  }
}

OrderedJson parse_given(const char* json, const char* what) {
  require(json, what);
  try {
    return parse_ordered_json(json, what);
  } catch (const Error& e) {
    throw Error(ErrorKind::InvalidRequest, e.message(), e.hint());
  }
}

char* new_text(const std::string& words) {
  auto* out = static_cast<char*>(std::malloc(words.size() + 1));
  if (out == nullptr) throw std::bad_alloc();
  std::memcpy(out, words.c_str(), words.size() + 1);
  return out;
}

// What is no UTF-8 in it comes from file names.
char* new_text(const OrderedJson& json) {
  return new_text(json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

}  // namespace newbie

const char* newbie_version(void) { return NEWBIE_VERSION; }

const char* newbie_error_message(const newbie_error* error) { return error == nullptr ? "" : error->message.c_str(); }
const char* newbie_error_hint(const newbie_error* error) { return error == nullptr ? "" : error->hint.c_str(); }
const char* newbie_error_field(const newbie_error* error) { return error == nullptr ? "" : error->field.c_str(); }
void newbie_error_free(newbie_error* error) { delete error; }

void newbie_text_free(char* text) { std::free(text); }
