#include "train/official_cache.h"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "core/error.h"
#include "core/float_formats.h"
#include "train/file_hash.h"
#include "weights/formats/safetensors.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostTokens = 1 << 20;

// A tensor of the file as floats; Error{BadFile} when it is not there or of another shape. Whole numbers become 0 or 1.
std::vector<float> tensor(const SafetensorsFile& file, const std::string& name, const Shape& shape) {
  const SafetensorsEntry* entry = file.find(name);
  if (entry == nullptr) fail(ErrorKind::BadFile, "no tensor {}", name);
  const TensorSpec spec = file.spec(*entry);
  if (!(spec.shape == shape)) fail(ErrorKind::BadFile, "{} is {}, expected {}", name, spec.shape.str(), shape.str());
  const std::span<const std::byte> bytes = file.bytes(*entry);
  std::vector<float> out(shape.elements());
  if (spec.dtype == DType::I64) {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] =
          std::ranges::any_of(bytes.subspan(8 * i, 8), [](std::byte b) { return b != std::byte{0}; }) ? 1.0f : 0.0f;
    return out;
  }
  if (!is_float(spec.dtype)) fail(ErrorKind::BadFile, "{} is {}", name, to_string(spec.dtype));
  convert(spec.dtype, bytes.data(), DType::F32, reinterpret_cast<std::byte*>(out.data()), out.size());
  if (!std::ranges::all_of(out, [](float x) { return std::isfinite(x); }))
    fail(ErrorKind::BadFile, "{} has values that are not finite", name);
  return out;
}

// `read` of the file, if there is one; what is wrong with it is a warning.
template <typename Result>
std::optional<Result> tried(const fs::path& path, Log& log, const auto& read) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  try {
    const SafetensorsFile file(path);
    return read(file);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadFile && e.kind() != ErrorKind::Unsupported) throw;
    log.warn("{} is passed over, and encoded anew: {}", path.string(), e.message());
    return std::nullopt;
  }
}

}  // namespace

std::optional<OfficialLatent> read_official_latent(const fs::path& picture, const Shape& shape, double offset,
                                                   Log& log) {
  return tried<OfficialLatent>(picture.string() + ".safetensors", log, [&](const SafetensorsFile& file) {
    OfficialLatent out{file_sha256(file.path()), tensor(file, "latents", shape)};
    for (float& x : out.values) x = static_cast<float>(static_cast<double>(x) - offset);
    return out;
  });
}

std::optional<OfficialText> read_official_text(const fs::path& picture, int64_t width, int64_t pooled_width, Log& log) {
  fs::path path = picture;
  path.replace_extension(".txt.safetensors");
  return tried<OfficialText>(path, log, [&](const SafetensorsFile& file) {
    const SafetensorsEntry* entry = file.find("cap_mask");
    if (entry == nullptr) fail(ErrorKind::BadFile, "no tensor cap_mask");
    const Shape mask_shape = file.spec(*entry).shape;
    if (mask_shape.rank() != 1 || mask_shape[0] > kMostTokens)
      fail(ErrorKind::BadFile, "cap_mask is {}", mask_shape.str());
    const std::vector<float> mask = tensor(file, "cap_mask", mask_shape);
    OfficialText out{.content = file_sha256(file.path())};
    while (out.tokens < mask_shape[0] && mask[static_cast<size_t>(out.tokens)] != 0) ++out.tokens;
    if (out.tokens == 0 || std::ranges::any_of(mask.begin() + out.tokens, mask.end(), [](float m) { return m != 0; }))
      fail(ErrorKind::BadFile, "cap_mask is not some tokens and padding behind them");
    out.features = tensor(file, "cap_feats", {mask_shape[0], width});
    out.features.resize(static_cast<size_t>(out.tokens * width));
    out.pooled = tensor(file, "clip_text_pooled", {pooled_width});
    return out;
  });
}

}  // namespace newbie
