// The presets: which ops are narrowed, in words and as rules.
#include "compile/precision.h"

namespace newbie {

namespace {

constexpr PrecisionPresetRow kPresets[] = {
    {PrecisionPreset::Auto, "auto", nullptr, "balanced where the machine computes bf16 natively, else exact"},
    {PrecisionPreset::F32, "exact", "f32", "everything is f32"},
    {PrecisionPreset::BF16, "balanced", "bf16",
     "bf16 matrices; running sums, norm arithmetic and single rows stay f32"},
    {PrecisionPreset::Fast, "fast", nullptr,
     "every stored value is 16 bits wide, running sums too; sums inside an op stay f32"},
    {PrecisionPreset::Int8, "int8", nullptr,
     "balanced, but the matrices of the transformer's blocks multiply 8-bit numbers: a scale for each row and column"},
    {PrecisionPreset::F16, "f16", nullptr,
     "every stored value is f16, running sums too; norms, softmax and sums inside an op are f32"},
    {PrecisionPreset::F16Naive, "f16-naive", nullptr,
     "every op is taken apart and every step of it is rounded to f16; matrix products alone are summed in f32"},
    {PrecisionPreset::F16Safe, "f16-safe", nullptr,
     "f16 operands where models of this family stay small; results, running sums, each feed-forward's last matrix and "
     "the autoencoder are f32"},
    {PrecisionPreset::AutocastCuda, "autocast-cuda", nullptr,
     "as PyTorch's autocast on CUDA: matrices low, layer and group norms and softmax f32, the rest follows its inputs"},
    {PrecisionPreset::AutocastCpu, "autocast-cpu", nullptr,
     "as PyTorch's autocast on CPU: matrices low, the rest follows its inputs"},
};

OpPrecision matrix(DType d) { return {d, d, DType::F32}; }           // narrow operands and results
OpPrecision narrow(DType d) { return {d, DType::F32, DType::F32}; }  // narrow results
constexpr OpPrecision kWide{DType::F32, DType::F32, DType::F32};

// 16-bit operands and results where matrices meet; running sums and norm arithmetic in f32.
std::vector<PrecisionRule> balanced(DType d) {
  return {
      {NumericClass::Matmul, "", matrix(d)},
      {NumericClass::Convolution, "", matrix(d)},
      {NumericClass::Attention, "", matrix(d)},
      {NumericClass::Softmax, "", narrow(d)},
      {NumericClass::Norm, "", narrow(d)},
      {NumericClass::Activation, "", narrow(d)},
      {NumericClass::Embedding, "", {DType::F32, d, DType::F32}},
      {NumericClass::Residual, "", kWide},
      // Pictures are large and the decoder's sums are few: f32 would double its memory for no visible gain.
      {NumericClass::Residual, "vae.*", narrow(d)},
      // One number per channel and request: nothing is won by storing these narrowly.
      {NumericClass::Norm, "clip_model.*", kWide},
      {NumericClass::Embedding, "transformer.*", kWide},
  };
}

// 8-bit matrices where nearly all the work is. Modulations, one row a layer, and the embeddings at both ends gain
// little and move every value after them.
std::vector<PrecisionRule> quantised() {
  std::vector<PrecisionRule> rules = balanced(DType::BF16);
  for (const char* path : {"transformer.layers.*.attention.*", "transformer.layers.*.feed_forward.*",
                           "transformer.noise_refiner.*.attention.*", "transformer.noise_refiner.*.feed_forward.*",
                           "transformer.context_refiner.*.attention.*", "transformer.context_refiner.*.feed_forward.*"})
    rules.push_back({.path_glob = path, .change = {{}, DType::I8, {}}, .op = "linear"});
  return rules;
}

std::vector<PrecisionRule> all_stored(DType d) {
  return {
      {std::nullopt, "", narrow(d)},
      {NumericClass::Matmul, "", matrix(d)},
      {NumericClass::Convolution, "", matrix(d)},
      {NumericClass::Attention, "", matrix(d)},
      {NumericClass::Embedding, "", matrix(d)},
      {NumericClass::Embedding, "transformer.*", kWide},  // one row of time features
  };
}

std::vector<PrecisionRule> all_rounded(DType d) {
  const OpPrecision every{d, d, d};
  return {
      {std::nullopt, "", every},
      {NumericClass::Matmul, "", matrix(d)},
      {NumericClass::Convolution, "", matrix(d)},
      {NumericClass::Attention, "", matrix(d)},
  };
}

// f16 operands, f32 results. What grows in this family is kept out of f16 altogether: the gated product that the last
// matrix of a feed-forward reads, and the autoencoder.
std::vector<PrecisionRule> safe(DType d) {
  const OpPrecision operands{DType::F32, d, DType::F32};
  return {
      {std::nullopt, "", kWide},
      {NumericClass::Matmul, "", operands},
      {NumericClass::Attention, "", operands},
      {NumericClass::Matmul, "*.feed_forward.w2", kWide},
      {NumericClass::Matmul, "*.mlp.down_proj", kWide},
      {NumericClass::Matmul, "*.mlp.fc2", kWide},
      {NumericClass::Matmul, "vae.*", kWide},
      {NumericClass::Attention, "vae.*", kWide},
  };
}

PrecisionRule follows(std::optional<NumericClass> c) {
  return {.numeric_class = c, .change = {std::nullopt, DType::F32, DType::F32}, .storage_follows = true};
}

// spec/metrics.md §5. Weights are f32 there as here; an RMS norm gives its input's dtype back, as its code does
// (type_as). upsample_nearest, f32 on CUDA, moves values and changes none.
std::vector<PrecisionRule> autocast(DType d, bool cuda) {
  std::vector<PrecisionRule> rules{
      follows(std::nullopt),
      {NumericClass::Matmul, "", matrix(d)},
      {NumericClass::Convolution, "", matrix(d)},
      {NumericClass::Attention, "", matrix(d)},
      {NumericClass::Embedding, "", kWide},
  };
  if (!cuda) return rules;
  for (const char* op : {"layer_norm", "group_norm", "group_norm_silu", "attention_softmax"})
    rules.push_back({.change = kWide, .op = op});
  return rules;
}

std::vector<PrecisionRule> rules_of(PrecisionPreset preset, DType d) {
  switch (preset) {
    case PrecisionPreset::Auto:
    case PrecisionPreset::F32: return {};
    case PrecisionPreset::BF16: return balanced(d);
    case PrecisionPreset::Int8: return quantised();
    case PrecisionPreset::Fast:
    case PrecisionPreset::F16: return all_stored(d);
    case PrecisionPreset::F16Naive: return all_rounded(d);
    case PrecisionPreset::F16Safe: return safe(d);
    case PrecisionPreset::AutocastCuda: return autocast(d, true);
    case PrecisionPreset::AutocastCpu: return autocast(d, false);
  }
  return {};
}

}  // namespace

std::span<const PrecisionPresetRow> precision_presets() { return kPresets; }

PrecisionPolicy preset_policy(PrecisionPreset preset, DType dtype) {
  // Plain policies are known by their dtype, as they always were.
  const bool plain = preset == PrecisionPreset::F32 || preset == PrecisionPreset::BF16;
  PrecisionPolicy out{.name = std::string(plain ? to_string(dtype) : to_string(preset)), .dtype = dtype};
  if (dtype != DType::F32) out.rules = rules_of(preset, dtype);
  for (PrecisionRule& rule : out.rules) rule.origin = "preset " + std::string(to_string(preset));
  out.decompose = preset == PrecisionPreset::F16Naive;
  return out;
}

}  // namespace newbie
