// Reads a SentencePiece model (protobuf `ModelProto`): the pieces and the few settings that decide about ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

// What stands for a blank inside pieces: "▁".
inline constexpr char32_t kSpaceMark = U'\u2581';

struct SentencePieceModel {
  enum class PieceType { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };
  enum class Algorithm { Unigram = 1, Bpe = 2, Word = 3, Char = 4 };

  struct Piece {
    std::string text;  // UTF-8, not empty
    float score = 0;   // finite
    PieceType type = PieceType::Normal;
  };

  std::vector<Piece> pieces;  // the index is SentencePiece's id
  Algorithm algorithm = Algorithm::Unigram;
  std::string charsmap;  // see PrecompiledCharsmap; empty: no normalisation
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

// Hostile bytes: Error{BadFile} naming `where`.
SentencePieceModel read_sentencepiece_model(std::span<const std::byte> bytes, std::string_view where);

// The bytes of such a file: with the settings of Gemma's training (BPE with byte pieces, text as it is).
std::string write_sentencepiece_model(const SentencePieceModel& model);

}  // namespace newbie
