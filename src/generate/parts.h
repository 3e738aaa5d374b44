// The four parts of a model on disk: opened, renamed to canonical names, configured. Which layout a path has is found
// by looking (spec/checkpoints.md); no weight byte is read here.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/log.h"
#include "models/flux_vae/config.h"
#include "models/gemma3/config.h"
#include "models/jina_clip/config.h"
#include "models/next_dit/config.h"
#include "text/tokenizer.h"
#include "weights/open_weights.h"
#include "weights/weight_store.h"

namespace newbie {

// Where the parts lie: a folder with subfolders transformer, text_encoder, clip_model and vae, single files or folders
// by part, or both (a part's own path wins).
struct ModelPaths {
  std::filesystem::path folder;
  std::filesystem::path transformer, text_encoder, clip_model, vae;
};

// What every part has. Configuration comes from config.json beside the weights, then the file's `config` metadata, then
// the official full-size values.
struct Part {
  std::filesystem::path path;
  OpenedWeights files;
  WeightStore weights;
  Json config;
  std::string config_origin;  // "config.json", "file metadata" or "built-in values"

  ConfigSource config_source() const;
};

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

// Each takes a .safetensors file or a folder. Error{BadFile} when it is missing or is not that part. Keys that mean
// nothing to us are told to `log`.
Transformer open_transformer(const std::filesystem::path& path, Log& log);
TextEncoder open_text_encoder(const std::filesystem::path& path, Log& log);
ClipModel open_clip_model(const std::filesystem::path& path, Log& log);
Vae open_vae(const std::filesystem::path& path, Log& log);

// The path of one part ("transformer", "text_encoder", "clip_model", "vae"). Error{InvalidRequest} when neither a
// folder nor the part's own path was given.
std::filesystem::path part_path(const ModelPaths& paths, std::string_view part);

}  // namespace newbie
