#include "api_keys.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/lines.h"
#include "http/request.h"
#include "text/base64.h"
#include "text/plain_text.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

constexpr size_t kMostFileBytes = size_t{1} << 20;
constexpr size_t kShortestKey = 16;

std::string digest_of(std::string_view key) {
  Sha256 sha;
  sha.add(std::as_bytes(std::span(key)));
  return sha.hex();
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// What follows the scheme: the key as it was sent.
std::optional<std::string> key_in(std::string_view authorization) {
  const size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = authorization.substr(0, space), rest = trimmed(authorization.substr(space));
  if (equal_ignoring_case(scheme, "Bearer")) return std::string(rest);
  if (!equal_ignoring_case(scheme, "Basic")) return std::nullopt;
  const std::optional<std::string> decoded = decode_base64(rest);
  if (!decoded) return std::nullopt;
  const size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return decoded->substr(colon + 1);
}

}  // namespace

ApiKeys ApiKeys::read(const std::filesystem::path& file) {
  const std::string text = plain_text(read_file(file, kMostFileBytes));
  ApiKeys out;
  for_each_line(text, [&](std::string_view whole, size_t number) {
    const std::string_view line = trimmed(whole);
    if (line.empty() || line[0] == '#') return;
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = trimmed(line.substr(0, colon)),
                           key = trimmed(line.substr(std::min(colon + 1, line.size())));
    if (!is_name(name) || key.size() < kShortestKey || key.find_first_of(" \t") != std::string_view::npos)
      fail_with_hint(ErrorKind::BadFile, "openssl rand -hex 16 makes a key",
                     "{}:{}: expected \"name: key\", a key of {} characters or more", file.string(), number,
                     kShortestKey);
    out.keys_.push_back({std::string(name), digest_of(key)});
  });
  if (out.keys_.empty()) fail(ErrorKind::BadFile, "{}: no key is in it", file.string());
  return out;
}

std::optional<std::string> ApiKeys::owner(std::string_view authorization) const {
  const std::optional<std::string> key = key_in(authorization);
  if (!key) return std::nullopt;
  const std::string digest = digest_of(*key);
  const Key* found = nullptr;
  for (const Key& known : keys_)  // all of them, whichever it is
    if (equal_in_constant_time(known.digest, digest)) found = &known;
  if (found == nullptr) return std::nullopt;
  return found->name;
}

}  // namespace newbie
