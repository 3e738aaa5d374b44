#include "text/merges_from_pieces.h"

#include <algorithm>
#include <tuple>

namespace newbie {
namespace {

struct Scored {
  float score;
  uint32_t left_length, right_length;  // in characters
  Bpe::Merge merge;

  auto key() const { return std::tuple(score, left_length, right_length); }
};

bool starts_character(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; }

}  // namespace

std::vector<Bpe::Merge> merges_from_pieces(const std::vector<SentencePieceModel::Piece>& pieces,
                                           const std::unordered_map<std::string_view, int32_t>& ids) {
  std::vector<Scored> all;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].text;
    const auto characters = static_cast<uint32_t>(std::count_if(text.begin(), text.end(), starts_character));
    uint32_t left_length = 0;
    for (size_t at = 1; at < text.size(); ++at) {
      if (!starts_character(text[at])) continue;
      ++left_length;
      const auto left = ids.find(text.substr(0, at));
      if (left == ids.end()) continue;
      const auto right = ids.find(text.substr(at));
      if (right == ids.end()) continue;
      all.push_back({pieces[id].score,
                     left_length,
                     characters - left_length,
                     {left->second, right->second, static_cast<int32_t>(id)}});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) { return a.key() > b.key(); });
  std::vector<Bpe::Merge> out;
  out.reserve(all.size());
  for (const Scored& scored : all) out.push_back(scored.merge);
  return out;
}

}  // namespace newbie
