// What tests of recall share: a text read back, and a ComfyUI graph to change.
#pragma once

#include "generate/recall.h"

namespace newbie {

inline std::string at(const Recollection& r, const char* field) {
  const std::string* value = r.find(field);
  return value != nullptr ? *value : "(not said)";
}

inline Recollection recalled(const char* key, const std::string& text) {
  const std::vector<TextChunk> texts{{key, text}};
  return *recall(texts, "x.png");
}

// One graph, of which tests change or add nodes.
inline std::string graph_of(const std::string& nodes) {
  return R"({"4": {"class_type": "UNETLoader", "inputs": {"unet_name": "NewBie.safetensors"}},
    "5": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 128, "height": 192, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "1girl, red_hair", "clip": ["8", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["8", 0]}},
    "8": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "g", "clip_name2": "j", "type": "newbie"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["10", 0], "filename_prefix": "a"}},
    "10": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["11", 0]}},
    "11": {"class_type": "VAELoader", "inputs": {"vae_name": "ae.safetensors"}},)" +
         nodes + "}";
}
inline std::string sampler(const std::string& links, const std::string& id = "3") {
  return '"' + id + R"(": {"class_type": "KSampler", "inputs": {"seed": 77, "steps": 9, "cfg": 5.5, "sampler_name":
      "res_multistep", "scheduler": "simple", "denoise": 1.0, "model": ["4", 0], )" +
         links + "}}";
}

}  // namespace newbie
