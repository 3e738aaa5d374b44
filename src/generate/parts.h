// The four parts of a model on disk: opened, renamed to canonical names, configured. model_layout.h says where they
// lie; no weight byte is read here, but the scales of 8-bit files.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/log.h"
#include "generate/model_layout.h"
#include "models/flux_vae/config.h"
#include "models/gemma3/config.h"
#include "models/jina_clip/config.h"
#include "models/next_dit/config.h"
#include "text/tokenizer.h"
#include "weights/open_weights.h"
#include "weights/weight_store.h"

namespace newbie {

// What every part has. Configuration comes from config.json beside the weights, then the file's `config` metadata, then
// the official full-size values.
struct Part {
  std::filesystem::path path;
  OpenedWeights files;
  WeightStore weights;
  Json config;
  std::string config_text;           // as it stands in the file; empty without one
  std::string config_origin;         // "config.json", "file metadata" or "built-in values"
  std::vector<std::string> unknown;  // keys that mean nothing to us

  ConfigSource config_source() const;
  std::filesystem::path folder() const;  // where its files lie
};

// The vocabulary in the keys of a llama.cpp file; nothing when there is none. Error{Unsupported} when it is not
// SentencePiece's.
std::optional<GgufVocabulary> vocabulary_in_keys(const Part& part);

// Dtypes of a file in the order of their bytes, when some are narrower than 16 bits: "Q4_0, Q4_1, BF16". Empty: none
// is.
std::string quantised_formats(const OpenedWeights& files);

// Where a text encoder's tokenizer may lie, beside the weights first.
std::vector<std::filesystem::path> tokenizer_folders(const Part& part);

struct Transformer : Part {
  NextDitConfig sizes;
};
// The encoders' tokenizers lie in the weight file itself (ComfyUI's spiece_model) or beside it (tokenizer.json, then
// the SentencePiece model); opening one throws Error{BadFile} when there is none.
struct TextEncoder : Part {
  Gemma3Config sizes;
  std::unique_ptr<Tokenizer> open_tokenizer() const;
};
struct ClipModel : Part {
  JinaTextConfig sizes;
  std::unique_ptr<Tokenizer> open_tokenizer() const;
};
struct Vae : Part {
  FluxVaeConfig sizes;
};

// Each takes a .safetensors file or a folder. Error{BadFile} when it is missing or is not that part: it says which
// model the file looks like. Keys that mean nothing to us are told to `log`.
Transformer open_transformer(const std::filesystem::path& path, Log& log, Strictness strictness = Strictness::Strict);
TextEncoder open_text_encoder(const std::filesystem::path& path, Log& log, Strictness strictness = Strictness::Strict);
ClipModel open_clip_model(const std::filesystem::path& path, Log& log, Strictness strictness = Strictness::Strict);
Vae open_vae(const std::filesystem::path& path, Log& log, Strictness strictness = Strictness::Strict);

}  // namespace newbie
