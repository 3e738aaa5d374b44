// Parts as GGUF files, in the words of the programs that read them: the transformer as ComfyUI-GGUF writes it, Gemma 3
// as llama.cpp does (spec/gguf.md §§3, 4).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generate/parts.h"
#include "weights/gguf_writer.h"

namespace newbie {

// What `--type` names: a format for most matrices, and the one above it for those that suffer most.
struct GgufMix {
  std::string_view name;    // "q4_0"
  GgufType matrices, down;  // `down`: feed_forward.w2 of the transformer
  GgufType table;           // Gemma's embedding
  uint32_t file_type;       // llama.cpp's number of the mix
};
std::span<const GgufMix> gguf_mixes();
const GgufMix* find_gguf_mix(std::string_view name);

struct GgufModel {
  std::vector<GgufKey> keys;
  std::vector<GgufTensor> tensors;
};
// `config` goes into a key of our own: the format has none for RoPE axes, patches and norms.
GgufModel transformer_gguf(const Transformer& part, const GgufMix& mix, const std::string& config);
// `vocabulary` is SentencePiece's; rows of the table beyond it get padding tokens. Norms are stored as 1 + w.
GgufModel gemma_gguf(const TextEncoder& part, const GgufMix& mix, GgufVocabulary vocabulary);

}  // namespace newbie
