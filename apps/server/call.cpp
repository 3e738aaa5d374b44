#include "call.h"

namespace newbie {

OrderedJson Call::json() const {
  try {
    return parse_ordered_json(request().body, "the body");
  } catch (const Error& error) {
    throw Error(ErrorKind::InvalidRequest, error.message(), error.hint());
  }
}

}  // namespace newbie
