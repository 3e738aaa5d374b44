#include "generate/model.h"

#include <fmt/format.h>

#include <vector>

#include "core/error.h"
#include "core/printable.h"
#include "generate/bad_values.h"
#include "generate/request.h"
#include "weights/fingerprint.h"

namespace newbie {

namespace {

std::string size_in_words(int64_t gemma_width) {
  const auto name = gemma3_size_name(gemma_width);
  return name ? fmt::format(" ({})", *name) : "";
}

}  // namespace

const std::string& Fingerprints::of(PartKind part) const {
  switch (part) {
    case PartKind::Transformer: return transformer;
    case PartKind::TextEncoder: return text_encoder;
    case PartKind::ClipModel: return clip_model;
    case PartKind::Vae: return vae;
  }
  return vae;
}

OpenedModel::OpenedModel(const ModelPaths& paths, std::optional<std::filesystem::path> kept_hashes, Log& log)
    : transformer(open_transformer(paths.transformer, log, paths.strictness)),
      text_encoder(open_text_encoder(paths.text_encoder, log, paths.strictness)),
      clip_model(open_clip_model(paths.clip_model, log, paths.strictness)),
      vae(open_vae(paths.vae, log, paths.strictness)),
      shift(scheduler_shift(paths.folder, log).value_or(kUsualShift)),
      gemma_tokenizer(text_encoder.open_tokenizer()),
      jina_tokenizer(clip_model.open_tokenizer()),
      kept_hashes_(std::move(kept_hashes)) {
  check_parts_fit();
}

const Part& OpenedModel::part(PartKind kind) const {
  switch (kind) {
    case PartKind::Transformer: return transformer;
    case PartKind::TextEncoder: return text_encoder;
    case PartKind::ClipModel: return clip_model;
    case PartKind::Vae: return vae;
  }
  return vae;
}

const Fingerprints& OpenedModel::fingerprints() const {
  const std::lock_guard lock(mutex_);
  if (fingerprints_) return *fingerprints_;
  std::optional<KeptHashes> kept;
  if (kept_hashes_) kept.emplace(*kept_hashes_);
  const auto of = [&](const Part& part) { return fingerprint(part.files.files, kept ? &*kept : nullptr); };
  return fingerprints_.emplace(Fingerprints{of(transformer), of(text_encoder), of(clip_model), of(vae)});
}

void OpenedModel::check_parts_fit() const {
  if (transformer.sizes.caption_width != text_encoder.sizes.width)
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses Gemma 3 4B (width 2560)",
                   "{}: text encoder of width {}{}, the transformer expects {}{}", text_encoder.path.string(),
                   text_encoder.sizes.width, size_in_words(text_encoder.sizes.width), transformer.sizes.caption_width,
                   size_in_words(transformer.sizes.caption_width));
  if (transformer.sizes.pooled_width != clip_model.sizes.width)
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses Jina CLIP v2 (width 1024)",
                   "{}: CLIP text tower of width {}, the transformer expects {}", clip_model.path.string(),
                   clip_model.sizes.width, transformer.sizes.pooled_width);
  if (transformer.sizes.latent_channels != vae.sizes.latent_channels)
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses the FLUX.1 autoencoder (16 latent channels)",
                   "{}: autoencoder with {} latent channels, the transformer expects {}", vae.path.string(),
                   vae.sizes.latent_channels, transformer.sizes.latent_channels);
}

void OpenedModel::name_damage(std::string_view where, ThreadPool& threads) const {
  for (const PartKind kind : {PartKind::TextEncoder, PartKind::ClipModel, PartKind::Transformer, PartKind::Vae})
    if (const std::vector<BadValues> bad = find_bad_values(part(kind).files, threads); !bad.empty())
      fail_with_hint(ErrorKind::BadFile, "the file is damaged: fetch it again; `check_weights` lists all",
                     "{}: tensor {} has {} at element {}: {} cannot be computed", part(kind).path.string(),
                     in_quotes(bad.front().tensor), bad.front().value, bad.front().index, where);
}

}  // namespace newbie
