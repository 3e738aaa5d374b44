// Heads of HTTP requests: what our own look lets through, and targets.
#include <algorithm>

#include "fuzz/target.h"
#include "http/head_check.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto problem = check_head(text, {});
  if (problem) {
    fuzz::require(problem->status >= 400 && problem->status < 600 && !problem->what.empty(), "a refusal says why");
  } else {
    fuzz::require(text.ends_with("\r\n\r\n") && text.find('\0') == std::string_view::npos, "a head ends, and is text");
    fuzz::require(text.find("\r\n ") == std::string_view::npos && text.find("\r\n\t") == std::string_view::npos,
                  "no line is folded");
  }
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  if (split_target(text, path, query)) {
    fuzz::require(path.starts_with('/') && path.find("/../") == std::string::npos && !path.ends_with("/.."),
                  "a path stays below its root");
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    fuzz::require(std::none_of(path.begin(), path.end(), is_control), "a path has no control characters");
  }
  return 0;
}
