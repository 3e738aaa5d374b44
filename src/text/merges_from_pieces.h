// The ranked merges of a SentencePiece BPE model, which itself stores only pieces and scores.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe.h"
#include "text/sentencepiece_model.h"

namespace newbie {

// Every split of a piece into two pieces is a merge. Best first: by the score of the whole, then by the longer left
// part, then by the longer right part (in characters), then by id. This is the order of `generate_merges` in
// transformers' convert_slow_tokenizer.py, and it is what tokenizer.json files of such models hold.
// `ids` maps the text of each piece to its id.
std::vector<Bpe::Merge> merges_from_pieces(const std::vector<SentencePieceModel::Piece>& pieces,
                                           const std::unordered_map<std::string_view, int32_t>& ids);

}  // namespace newbie
