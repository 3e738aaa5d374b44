// A full-size model folder in the official layout with made-up weights: to measure loading, memory and whole pictures
// without the published files. The pictures it draws are noise.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "core/stop_token.h"

namespace newbie {

struct SynthesisProgress {
  std::filesystem::path file;
  size_t bytes_done = 0, bytes = 0;  // of all files
  bool kept = false;                 // the file was there already, whole
};

struct SynthesizedFile {
  std::filesystem::path path;
  size_t bytes = 0;
};

// What weights are.
enum class MadeUp {
  Values,  // of the size of trained ones: SyntheticWeights
  Shapes,  // holes in the files, which take no disk and read as zeros: plans need no more
};

// Writes transformer, text_encoder, clip_model and vae (bf16, 16 GB in all) and their configurations to `folder`;
// tokenizers are copied from `tokenizers`, a model folder whose ids are valid rows at full size. Files that are whole
// already are kept, so that a second call goes on where the first was stopped; shapes are not kept as values.
// Error{OverBudget} when the disk has too little room, before anything is written; Error{Cancelled} when stopped. After
// an error there are whole files and no parts of one.
std::vector<SynthesizedFile> synthesize_model(const std::filesystem::path& folder,
                                              const std::filesystem::path& tokenizers, MadeUp weights,
                                              const std::function<void(const SynthesisProgress&)>& on_progress,
                                              StopToken stop = {});

}  // namespace newbie
