#include "compile/precision.h"

namespace newbie {

namespace {

bool glob_match(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// bf16 operands and results where matrices meet; running sums and norm arithmetic in f32.
PrecisionPolicy bf16_policy() {
  constexpr OpPrecision kMatrix{DType::BF16, DType::BF16, DType::F32};
  constexpr OpPrecision kStoredNarrow{DType::BF16, DType::F32, DType::F32};
  constexpr OpPrecision kWide{DType::F32, DType::F32, DType::F32};
  PrecisionPolicy p{.name = "bf16"};
  p.rules = {
      {NumericClass::Matmul, "", kMatrix},
      {NumericClass::Convolution, "", kMatrix},
      {NumericClass::Attention, "", kMatrix},
      {NumericClass::Softmax, "", kStoredNarrow},
      {NumericClass::Norm, "", kStoredNarrow},
      {NumericClass::Activation, "", kStoredNarrow},
      {NumericClass::Embedding, "", {DType::F32, DType::BF16, DType::F32}},
      {NumericClass::Residual, "", kWide},
      // Pictures are large and the decoder's sums are few: f32 would double its memory for no visible gain.
      {NumericClass::Residual, "vae.*", kStoredNarrow},
      // One number per channel and request: nothing is won by storing these narrowly.
      {NumericClass::Norm, "clip_model.*", kWide},
      {NumericClass::Embedding, "transformer.*", kWide},
  };
  return p;
}

}  // namespace

OpPrecision PrecisionPolicy::find(NumericClass numeric_class, const std::string& path) const {
  OpPrecision out;
  for (const PrecisionRule& rule : rules) {
    if (rule.numeric_class && *rule.numeric_class != numeric_class) continue;
    if (!rule.path_glob.empty() && !glob_match(rule.path_glob, path)) continue;
    out = rule.precision;
  }
  return out;
}

std::optional<PrecisionRequest> find_precision_request(std::string_view name) {
  if (name == "auto") return PrecisionRequest::Auto;
  if (name == "f32") return PrecisionRequest::F32;
  if (name == "bf16") return PrecisionRequest::BF16;
  return std::nullopt;
}

DeviceCaps this_cpu() {
  DeviceCaps caps{.name = "CPU"};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bf16")) {
    caps = {.name = "x86-64 with AVX512-BF16", .native_bf16 = true};
  } else if (__builtin_cpu_supports("avx512f")) {
    caps = {.name = "x86-64 with AVX-512"};
  } else if (__builtin_cpu_supports("avx2")) {
    caps = {.name = "x86-64 with AVX2"};
  } else {
    caps = {.name = "x86-64"};
  }
#elif defined(__aarch64__)
  caps = {.name = "AArch64"};
#endif
  return caps;
}

Resolution resolve_precision(PrecisionRequest request, const DeviceCaps& device) {
  switch (request) {
    case PrecisionRequest::F32: return {{.name = "f32"}, {"f32 was asked for"}};
    case PrecisionRequest::BF16:
      return {
          bf16_policy(),
          {device.native_bf16 ? "bf16 was asked for"
                              : "bf16 was asked for; " + device.name + " has no bf16 arithmetic, so it is slow here"}};
    case PrecisionRequest::Auto: break;
  }
  if (device.native_bf16)
    return {bf16_policy(),
            {"bf16 storage and compute, f32 accumulate: " + device.name + " computes bf16 natively",
             "running sums and norms stay f32"}};
  return {{.name = "f32"}, {"f32: " + device.name + " has no bf16 arithmetic"}};
}

}  // namespace newbie
