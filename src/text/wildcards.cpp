#include "text/wildcards.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/lines.h"
#include "core/split_mix.h"
#include "text/plain_text.h"
#include "text/trim.h"
#include "text/utf8.h"

namespace newbie {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{16} << 20;
constexpr size_t kMaxResultBytes = size_t{1} << 20;
constexpr size_t kMaxNameBytes = 200;
constexpr int kMaxDepth = 16;
constexpr std::string_view kMark = "__";

bool is_wildcard_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '/';
  };
  return !text.empty() && text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), fits) &&
         text.front() != '/' && text.back() != '/' && text.find("..") == text.npos;
}

}  // namespace

struct Wildcards::Draw {
  uint64_t seed;
  uint64_t count = 0;
  std::string out;

  void add(std::string_view text) {
    if (text.size() > kMaxResultBytes - out.size())
      fail(ErrorKind::InvalidRequest, "wildcards make the prompt longer than {} bytes", kMaxResultBytes);
    out += text;
  }
};

Wildcards::Wildcards(fs::path folder) : folder_(std::move(folder)) {
  std::error_code ignored;
  if (!fs::is_directory(folder_, ignored)) fail(ErrorKind::BadFile, "{}: no folder of wildcards", folder_.string());
}

std::string Wildcards::resolve(std::string_view text, uint64_t seed) {
  Draw draw{seed};
  expand(text, draw, 0);
  return std::move(draw.out);
}

void Wildcards::expand(std::string_view text, Draw& draw, int depth) {
  size_t done = 0;
  for (size_t at = text.find(kMark); at != text.npos;) {
    const size_t end = text.find(kMark, at + kMark.size());
    if (end == text.npos) break;
    const std::string_view name = text.substr(at + kMark.size(), end - at - kMark.size());
    if (!is_wildcard_name(name)) {
      at = text.find(kMark, at + 1);
      continue;
    }
    if (depth == kMaxDepth)
      fail(ErrorKind::InvalidRequest, "__{}__: wildcards nest deeper than {}, or lead to themselves", name, kMaxDepth);
    draw.add(text.substr(done, at - done));
    const std::vector<std::string>& choices = lines(std::string(name));
    const uint64_t number = split_mix(split_mix(draw.seed) + draw.count++);
    expand(choices[number % choices.size()], draw, depth + 1);
    done = end + kMark.size();
    at = text.find(kMark, done);
  }
  draw.add(text.substr(done));
}

const std::vector<std::string>& Wildcards::lines(const std::string& name) {
  if (const auto known = files_.find(name); known != files_.end()) return known->second;
  const fs::path path = folder_ / (name + ".txt");
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    fail_with_hint(ErrorKind::InvalidRequest, "write the file, one choice a line, or take the underscores away",
                   "__{}__: there is no {}", name, path.string());
  const std::string text = read_file(path, kMaxFileBytes);
  if (const auto bad = find_invalid_utf8(text))
    fail_with_hint(ErrorKind::BadFile, "save it as UTF-8", "{}: byte {} is not UTF-8", path.string(), *bad);
  std::vector<std::string> out;
  for_each_line(plain_text(text), [&](std::string_view whole, size_t) {
    const std::string_view line = trim(whole);
    if (!line.empty() && line.front() != '#') out.emplace_back(line);
  });
  if (out.empty()) fail(ErrorKind::BadFile, "{}: no lines to choose from", path.string());
  return files_.emplace(name, std::move(out)).first->second;
}

}  // namespace newbie
