// Values to blocks: each format as the reference quantisers of ggml write it (gguf-py's quants.py), bit for bit.
#pragma once

#include <cstddef>

namespace newbie {

// 32 values to one block. Values that are not finite give a block of no meaning.
void narrow_q4_0(const float* x, std::byte* block);
void narrow_q4_1(const float* x, std::byte* block);
void narrow_q5_0(const float* x, std::byte* block);
void narrow_q5_1(const float* x, std::byte* block);
void narrow_q8_0(const float* x, std::byte* block);

}  // namespace newbie
