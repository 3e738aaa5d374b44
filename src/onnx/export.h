// The door of this room: the networks of a request as ONNX models in a folder, with all that drawing it needs beside
// them (docs/onnx.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/log.h"
#include "generate/convert_model.h"
#include "generate/engine_options.h"
#include "generate/request.h"

namespace newbie {

inline constexpr const char* kOnnxManifest = "newbie-onnx.json";  // what is in the folder
inline constexpr int64_t kMostOnnxTokens = 4096;                  // of a text: a causal mask is tokens² numbers

struct OnnxExportRequest {
  GenerateRequest picture;  // whose sizes and token counts the networks have
  // Further counts: of the text encoder, the context and the step; of the clip text encoder.
  std::vector<int64_t> tokens, clip_tokens;
  bool samples = false;  // the picture is drawn, and what went into each network and came out of it is kept
  std::string version;   // of this program
};

struct OnnxExport {
  std::vector<ConvertedFile> files;         // written
  std::vector<std::filesystem::path> kept;  // were there already
};

// Writes to `folder`, which is made if need be: a model a network and shape, a file of weights a part, which its models
// share, and the manifest last. A folder that an earlier call has written is added to, if its weights are the same:
// those are kept. Files are written atomically, weights a piece at a time; `on_file` is told each before it is written.
// Error{InvalidRequest} when other files are in the way or the weights there are others, Error{OverBudget} when the
// disk has too little room, Error{Unsupported} when an op has no form in ONNX, Error{Cancelled} when stopped. After an
// error nothing is left of what this call has added.
OnnxExport export_onnx(const ModelPaths& paths, const EngineOptions& options, const OnnxExportRequest& request,
                       const std::filesystem::path& folder, Log& log,
                       const std::function<void(const std::filesystem::path&)>& on_file = {}, StopToken stop = {});

}  // namespace newbie
