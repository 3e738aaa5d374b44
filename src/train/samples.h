// Pictures that a run draws to be looked at: by the engine that draws all others, from a checkpoint's own file, so that
// `newbie generate` with that file gives the same bytes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/log.h"
#include "core/stop_token.h"
#include "generate/engine_options.h"
#include "generate/model_layout.h"
#include "generate/request.h"
#include "train/adapters.h"

namespace newbie {

struct SampleOptions {
  std::vector<GenerateRequest> requests;  // drawn without what is trained in them
  int64_t every = 0;                      // steps; 0: at checkpoints
  EngineOptions engine;
};

// "samples/00000120_1.png": of the step, counted from 1.
std::filesystem::path sample_path(const std::filesystem::path& output, int64_t step, size_t number);

// Draws each request with `trained`, the file that a checkpoint has for its `kind`, at strength 1, into sample_path();
// with the model alone when it is empty.
// What cannot be drawn or written is a warning: it must not end the run. Error{Cancelled} passes.
std::vector<std::filesystem::path> draw_samples(const SampleOptions& options, const ModelPaths& model,
                                                TrainingKind kind, const std::filesystem::path& trained,
                                                const std::filesystem::path& output, int64_t step, Log& log,
                                                StopToken stop);

}  // namespace newbie
