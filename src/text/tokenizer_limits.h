// Bounds on tokenizer files: far above every real one, low enough that a hostile file costs little time and memory.
#pragma once

#include <cstddef>

namespace newbie {

constexpr size_t kMaxVocabulary = size_t{1} << 22;  // ids; Gemma 3 has 262145
constexpr size_t kMaxPieceBytes = 1024;             // of one piece or added token; Gemma 3's longest has 93

}  // namespace newbie
