#include "core/error.h"

namespace newbie {

Error::Error(ErrorKind kind, std::string message, std::string hint, std::string field)
    : kind_(kind),
      message_(field.empty() ? std::move(message) : field + ": " + message),
      hint_(std::move(hint)),
      field_(std::move(field)) {}

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::InvalidRequest: return "invalid request";
    case ErrorKind::BadFile: return "bad file";
    case ErrorKind::Unsupported: return "unsupported";
    case ErrorKind::OverBudget: return "over budget";
    case ErrorKind::Cancelled: return "cancelled";
    case ErrorKind::Internal: return "internal error";
  }
  return "unknown";
}

}  // namespace newbie
