// Wildcards: `__name__` in a prompt stands for a line of name.txt, chosen by the seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

// A name has letters, digits, `-`, `.`, single `_` and `/` for folders inside of the folder; never `..`. Lines are
// trimmed; blank ones and those that start with `#` do not count. A line may hold wildcards itself.
class Wildcards {
 public:
  // Reads nothing yet. Error{BadFile} when `folder` is none.
  explicit Wildcards(std::filesystem::path folder);

  // The k-th wildcard of a text takes line SplitMix64(seed, k) mod lines: the same on every machine. Text between
  // double underscores that is no name stays. Error{InvalidRequest} for a name without a file, for wildcards that lead
  // to themselves, or when more than 1 MiB would come out; Error{BadFile} for a file without lines or over 16 MiB.
  std::string resolve(std::string_view text, uint64_t seed);

  bool were_used() const { return !files_.empty(); }  // a text had a wildcard in it

 private:
  struct Draw;
  void expand(std::string_view text, Draw& draw, int depth);
  const std::vector<std::string>& lines(const std::string& name);

  std::filesystem::path folder_;
  std::map<std::string, std::vector<std::string>> files_;
};

}  // namespace newbie
