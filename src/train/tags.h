// The order of tags in a caption, drawn anew: a network is not to learn that one tag follows another.
#pragma once

#include <cstdint>
#include <string>

namespace newbie {

struct TagOptions {
  int64_t orders = 1;           // that each caption is encoded in and drawn from; 1: as it is written
  int64_t keep = 0;             // tags at the front that stay where they are
  std::string separator = ",";  // of tags; it stays the separator
  std::string kept_separator;   // all before its first place stays, and so does it; empty: none
  bool operator==(const TagOptions&) const = default;
};

// Order `order` of the caption's tags, a function of seed, caption and order; order 0 is as it is written, and so are
// captions in XML. Tags are joined by the separator and what stands between it and the second tag.
std::string tags_in_order(const std::string& caption, const TagOptions& options, uint64_t seed, int64_t order);

}  // namespace newbie
