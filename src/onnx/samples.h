// What goes into networks and comes out of them while a picture is drawn: numbers to hold another runtime against.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "generate/text_to_image.h"
#include "onnx/model.h"

namespace newbie {

// A network as its samples are recognised: by the names and shapes of all it reads and gives.
struct SampledNetwork {
  std::filesystem::path file;  // where its sample goes, as safetensors: every input and output under its name
  std::vector<OnnxValue> inputs, outputs;
};

// Draws `request` and writes the first run of each of these networks. A network that the request does not run has none.
// Returns the files written. Error{Cancelled} when stopped.
std::vector<std::filesystem::path> write_onnx_samples(TextToImage& engine, const GenerateRequest& request,
                                                      std::span<const SampledNetwork> networks, StopToken stop);

}  // namespace newbie
