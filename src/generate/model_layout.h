// Where the four parts of a model lie. Which layout a folder has is found by looking at names and keys
// (spec/checkpoints.md §§1–6, docs/files.md); only headers are read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/log.h"
#include "models/recognise.h"
#include "weights/open_weights.h"

namespace newbie {

// A folder with all parts, single files or folders by part, or both (a part's own path wins).
struct ModelPaths {
  std::filesystem::path folder;
  std::filesystem::path transformer, text_encoder, clip_model, vae;
  Strictness strictness = Strictness::Strict;
};

// The same with every part's own path set, and the layout of the folder in words (empty without one). A folder is one
// with transformer, vae and two text encoders inside (official, as uploaded, diffusers' Lumina2 form), a ComfyUI
// folder (diffusion_models or unet, text_encoders or clip, vae, perhaps below models or split_files), or one that
// holds the files themselves. Which of two text encoders is Gemma is found by their keys, also when both were given by
// hand. Error{InvalidRequest} when neither a folder nor a part's own path was given; Error{BadFile} when nothing, or
// several equally good files, could be that part: it lists what is there.
struct LocatedModel {
  ModelPaths paths;
  std::string layout;
};
LocatedModel locate_model(const ModelPaths& paths);

// The shift that scheduler/scheduler_config.json of a model folder asks for; nothing without one, or without a folder.
// Error{BadFile} when it is damaged or out of range.
std::optional<double> scheduler_shift(const std::filesystem::path& folder, Log& log);

// Keys and shapes of opened files.
HeaderShapes header_shapes(const OpenedWeights& files);

// What opened files are, by keys, shapes and what they say of themselves.
Recognised recognise_files(const OpenedWeights& files);

// What a file or folder is. Error{BadFile} when it cannot be opened.
Recognised recognise_path(const std::filesystem::path& path, Strictness strictness);

}  // namespace newbie
