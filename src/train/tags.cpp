#include "train/tags.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "text/trim.h"
#include "train/draw.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

// Another caption is shuffled by other numbers, whatever its place in the folder.
uint64_t number_of(const std::string& caption, int64_t order) {
  const std::string hash = sha256_of(std::as_bytes(std::span(caption)));
  uint64_t number = 0;
  for (const char c : hash.substr(0, 12))
    number = number * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return number * 65536 + static_cast<uint64_t>(order);
}

}  // namespace

std::string tags_in_order(const std::string& caption, const TagOptions& o, uint64_t seed, int64_t order) {
  if (order == 0 || o.separator.empty() || caption.find('<') != std::string::npos) return caption;
  size_t begin = 0;
  if (!o.kept_separator.empty())
    if (const size_t at = caption.find(o.kept_separator); at != std::string::npos) begin = at + o.kept_separator.size();
  std::vector<std::string_view> tags;
  std::string between;
  const std::string_view shuffled = std::string_view(caption).substr(begin);
  const size_t leading = std::min(shuffled.find_first_not_of(kBlanksAndLineEnds), shuffled.size());
  for (size_t at = leading; at <= shuffled.size();) {
    const size_t end = std::min(shuffled.find(o.separator, at), shuffled.size());
    if (const std::string_view tag = trim(shuffled.substr(at, end - at), kBlanksAndLineEnds); !tag.empty())
      tags.push_back(tag);
    at = end + o.separator.size();
    if (between.empty() && at <= shuffled.size()) {
      const size_t next = std::min(shuffled.find_first_not_of(kBlanksAndLineEnds, at), shuffled.size());
      between = o.separator + std::string(shuffled.substr(at, next - at));
    }
  }
  const auto kept = std::min(tags.size(), static_cast<size_t>(o.keep));
  Draw draw(seed, DrawFor::Tags, number_of(caption, order));
  for (size_t i = tags.size(); i > kept + 1; --i) std::swap(tags[i - 1], tags[kept + draw.below(i - kept)]);
  std::string out = caption.substr(0, begin + leading);
  for (size_t i = 0; i < tags.size(); ++i) {
    if (i != 0) out += between;
    out += tags[i];
  }
  return out;
}

}  // namespace newbie
