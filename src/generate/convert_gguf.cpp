#include "generate/convert_gguf.h"

#include <algorithm>
#include <array>

#include "models/gemma3/names.h"
#include "weights/formats/gguf.h"

namespace newbie {

namespace {

GgufType plain_type(DType dtype) { return gguf_type(gguf_type_id(dtype)); }
GgufType block_type(std::string_view name) { return gguf_type(find_block_format(name)->id); }

// Left as they are by ComfyUI-GGUF's quantiser: few bytes, much harm.
constexpr std::string_view kKept[] = {"t_embedder.",   "x_embedder.",      "final_layer.",
                                      "cap_embedder.", "context_refiner.", "noise_refiner."};
constexpr size_t kTiny = 1024;  // elements

GgufType fitting(const GgufType& type, const Shape& shape) {
  const bool fits = type.blocks == nullptr || shape.last() % static_cast<int64_t>(type.blocks->elements) == 0;
  return fits ? type : plain_type(DType::BF16);
}

// BF16 where a mix has no say: it holds the range of every source.
GgufType source_type(const GgufMix& mix) { return mix.name == "f16" ? mix.matrices : plain_type(DType::BF16); }

GgufType transformer_type(const GgufMix& mix, const std::string& name, const Shape& shape) {
  if (shape.rank() < 2 || static_cast<size_t>(shape.elements()) <= kTiny) return plain_type(DType::F32);
  if (std::ranges::any_of(kKept, [&](std::string_view kept) { return name.starts_with(kept); }))
    return source_type(mix);
  return fitting(name.ends_with("feed_forward.w2.weight") ? mix.down : mix.matrices, shape);
}

GgufTensor tensor_of(const WeightStore& store, const std::string& canonical, std::string name, const GgufType& type) {
  const DerivedTensor tensor = store.tensor(canonical);
  const std::span<const int64_t> shape = tensor.spec.shape.extents();
  return {std::move(name),
          {shape.begin(), shape.end()},
          type,
          [&store, fill = tensor.fill](size_t first, std::span<float> out) {
            fill(first, out);
            store.check_intact();
          }};
}

void add_one(GgufTensor& norm) {
  norm.values = [stored = std::move(norm.values)](size_t first, std::span<float> out) {
    stored(first, out);
    for (float& value : out) value += 1.0F;
  };
}

uint32_t u32(int64_t value) { return static_cast<uint32_t>(value); }

std::vector<GgufKey> gemma_size_keys(const Gemma3Config& c) {
  std::vector<GgufKey> keys{
      {"gemma3.context_length", uint32_t{131072}},
      {"gemma3.embedding_length", u32(c.width)},
      {"gemma3.block_count", u32(c.layers)},
      {"gemma3.feed_forward_length", u32(c.ffn)},
      {"gemma3.attention.head_count", u32(c.heads)},
      {"gemma3.attention.head_count_kv", u32(c.kv_heads)},
      {"gemma3.attention.layer_norm_rms_epsilon", static_cast<float>(c.norm_eps)},
      {"gemma3.attention.key_length", u32(c.head_size)},
      {"gemma3.attention.value_length", u32(c.head_size)},
      {"gemma3.attention.sliding_window", u32(c.sliding_window)},
      {"gemma3.rope.freq_base", static_cast<float>(c.rope_global_base)},
      {"gemma3.rope.freq_base_swa", static_cast<float>(c.rope_local_base)},
  };
  if (c.rope_global_divisor != 1) {
    keys.push_back({"gemma3.rope.scaling.type", "linear"});
    keys.push_back({"gemma3.rope.scaling.factor", static_cast<float>(c.rope_global_divisor)});
  }
  return keys;
}

// As llama.cpp's converter changes a vocabulary, so that its reader finds what it expects.
void add_vocabulary(std::vector<GgufKey>& keys, GgufVocabulary vocabulary, size_t rows) {
  constexpr int32_t kUserDefined = 4, kUnused = 5;
  constexpr float kAddedScore = -1000;
  constexpr std::string_view kMark = "\u2581";
  for (size_t id = 0; id < vocabulary.texts.size(); ++id) {
    if (vocabulary.types[id] != kUserDefined) continue;
    std::string& text = vocabulary.texts[id];
    vocabulary.scores[id] = kAddedScore;
    for (size_t at = text.find(kMark); at != text.npos; at = text.find(kMark, at))
      text.replace(at, kMark.size(), 1, ' ');
  }
  for (size_t id = vocabulary.texts.size(); id < rows; ++id) {
    vocabulary.texts.push_back(fmt::format("[PAD{}]", id));
    vocabulary.scores.push_back(kAddedScore);
    vocabulary.types.push_back(kUnused);
  }
  const auto id_of = [&](std::string_view text) {
    return static_cast<uint32_t>(std::ranges::find(vocabulary.texts, text) - vocabulary.texts.begin());
  };
  const std::array<std::pair<const char*, const char*>, 4> marks{
      {{"bos", "<bos>"}, {"eos", "<eos>"}, {"unknown", "<unk>"}, {"padding", "<pad>"}}};
  for (const auto& [name, text] : marks)
    if (const uint32_t id = id_of(text); id < vocabulary.texts.size())
      keys.push_back({fmt::format("tokenizer.ggml.{}_token_id", name), id});
  keys.push_back({"tokenizer.ggml.model", "llama"});
  keys.push_back({"tokenizer.ggml.pre", "default"});
  keys.push_back({"tokenizer.ggml.tokens", std::move(vocabulary.texts)});
  keys.push_back({"tokenizer.ggml.scores", std::move(vocabulary.scores)});
  keys.push_back({"tokenizer.ggml.token_type", std::move(vocabulary.types)});
  keys.push_back({"tokenizer.ggml.add_bos_token", true});
  keys.push_back({"tokenizer.ggml.add_space_prefix", false});
}

std::vector<GgufKey> general_keys(const char* architecture, const char* name, const GgufMix& mix) {
  return {{"general.architecture", architecture},
          {"general.type", "model"},
          {"general.name", name},
          {"general.quantization_version", uint32_t{2}},
          {"general.file_type", mix.file_type}};
}

}  // namespace

std::span<const GgufMix> gguf_mixes() {
  static const GgufType q8 = block_type("Q8_0"), f16 = plain_type(DType::F16), bf16 = plain_type(DType::BF16);
  static const GgufMix mixes[] = {{"q4_0", block_type("Q4_0"), block_type("Q4_1"), q8, 2},
                                  {"q4_1", block_type("Q4_1"), block_type("Q4_1"), q8, 3},
                                  {"q5_0", block_type("Q5_0"), block_type("Q5_1"), q8, 8},
                                  {"q5_1", block_type("Q5_1"), block_type("Q5_1"), q8, 9},
                                  {"q8_0", q8, q8, q8, 7},
                                  {"f16", f16, f16, f16, 1},
                                  {"bf16", bf16, bf16, bf16, 32}};
  return mixes;
}

const GgufMix* find_gguf_mix(std::string_view name) {
  for (const GgufMix& mix : gguf_mixes())
    if (mix.name == name) return &mix;
  return nullptr;
}

GgufModel transformer_gguf(const Transformer& part, const GgufMix& mix, const std::string& config) {
  GgufModel out{general_keys("lumina2", "NewBie-image transformer", mix), {}};
  out.keys.push_back({std::string(kGgufConfigKey), config});
  for (const std::string& name : part.weights.names())
    out.tensors.push_back(
        tensor_of(part.weights, name, name, transformer_type(mix, name, part.weights.find(name)->shape)));
  for (const FileTensor& tensor : part.files.tensors)  // stored by the official tools, though nobody uses it
    if (tensor.key().ends_with("norm_final.weight"))
      out.tensors.push_back({"norm_final.weight", tensor.entry->shape, plain_type(DType::F32),
                             [tensor](size_t first, std::span<float> values) { tensor.read(first, values); }});
  return out;
}

GgufModel gemma_gguf(const TextEncoder& part, const GgufMix& mix, GgufVocabulary vocabulary) {
  GgufModel out{general_keys("gemma3", "Gemma 3", mix), {}};
  const auto sizes = gemma_size_keys(part.sizes);
  out.keys.insert(out.keys.end(), sizes.begin(), sizes.end());
  add_vocabulary(out.keys, std::move(vocabulary), static_cast<size_t>(part.sizes.vocabulary));
  for (const std::string& name : part.weights.names()) {
    const Shape shape = part.weights.find(name)->shape;
    const GgufType& matrix = name == "embed_tokens.weight" ? mix.table : mix.matrices;
    const GgufType type = shape.rank() < 2 ? plain_type(DType::F32) : fitting(matrix, shape);
    out.tensors.push_back(tensor_of(part.weights, name, llama_gemma_name(name), type));
    if (is_gemma_norm(name)) add_one(out.tensors.back());
  }
  return out;
}

}  // namespace newbie
