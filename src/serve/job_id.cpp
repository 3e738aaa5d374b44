#include "serve/job_id.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "core/error.h"

namespace newbie {

namespace {

constexpr size_t kRandomBytes = 16;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

std::string new_job_id(std::string_view worker) {
  std::array<uint8_t, kRandomBytes> bytes;
  ssize_t got = 0;
  do got = ::getrandom(bytes.data(), bytes.size(), 0);  // requests of up to 256 bytes come whole
  while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(bytes.size())) fail(ErrorKind::Internal, "the system gave no random bytes");
  std::string id;
  if (!worker.empty()) id = fmt::format("{}-", worker);
  for (const uint8_t byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

bool is_worker_name(std::string_view text) {
  constexpr size_t kLongest = 32;
  return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), is_letter_or_digit);
}

bool is_job_id(std::string_view text) {
  if (const size_t dash = text.find('-'); dash != std::string_view::npos) {
    if (!is_worker_name(text.substr(0, dash))) return false;
    text.remove_prefix(dash + 1);
  }
  return text.size() == 2 * kRandomBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace newbie
