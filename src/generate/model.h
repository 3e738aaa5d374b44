// OpenedModel: the four parts of a model, with their tokenizers. Nothing of it changes any more, so any number of
// threads may read it.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/log.h"
#include "core/parallel.h"
#include "generate/parts.h"
#include "models/part_kind.h"

namespace newbie {

// Identities of the four parts (weights/fingerprint.h).
struct Fingerprints {
  std::string transformer, text_encoder, clip_model, vae;

  const std::string& of(PartKind part) const;
};

class OpenedModel {
 public:
  // Reads configurations and tokenizers and maps the weight files; reads no weight. `kept_hashes`: a file for hashes of
  // large weight files. Error{BadFile} when the parts are not of one model.
  OpenedModel(const ModelPaths& paths, std::optional<std::filesystem::path> kept_hashes, Log& log);

  const Transformer transformer;
  const TextEncoder text_encoder;
  const ClipModel clip_model;
  const Vae vae;
  const double shift;  // of the noise schedule, where a request says none
  const std::unique_ptr<const Tokenizer> gemma_tokenizer, jina_tokenizer;

  const Part& part(PartKind part) const;
  const Fingerprints& fingerprints() const;  // computed when first asked for

  // For values that no precision cures: Error{BadFile} that names the weight when one is no number.
  void name_damage(std::string_view where, ThreadPool& threads) const;

 private:
  void check_parts_fit() const;

  const std::optional<std::filesystem::path> kept_hashes_;
  mutable std::mutex mutex_;
  mutable std::optional<Fingerprints> fingerprints_;
};

}  // namespace newbie
