// User-perceived characters (Unicode annex 29), as far as HuggingFace's Precompiled normaliser can tell them apart.
#pragma once

#include <cstddef>
#include <span>

#include "text/utf8.h"

namespace newbie {

// Index one past the cluster that starts at `begin` (< text.size()).
//
// Rules GB3-5, 9, 9a, 9b. The rules for Hangul syllables, emoji sequences, flags and Indic conjuncts (GB6-8, 9c, 11-13)
// are left out: they join characters into clusters of 6 bytes and more, which the normaliser takes apart anyway. That
// can be told only by a foreign accent on the last part of such a sequence (copyright sign, ZWJ, trademark sign,
// U+0301).
size_t grapheme_cluster_end(std::span<const Character> text, size_t begin);

}  // namespace newbie
