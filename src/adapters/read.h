// Adapter files of every form that is in use (docs/lora.md) as one list of changes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "weights/open_weights.h"

namespace newbie {

struct Adapter {
  std::filesystem::path path;          // the weight file
  std::string name;                    // of the file, or of its folder, without an ending: what a prompt calls it
  std::vector<AdapterChange> changes;  // sorted by part, weight and row
  size_t modules = 0;                  // that the file names; every one is changed
  size_t keys = 0;
  std::string naming;              // whose words the keys are: "PEFT (base_model.model.…)", …
  std::vector<std::string> notes;  // what a reader may want to know: no alpha in the file, …
  std::map<std::string, std::string> metadata;
  std::string hash;  // SHA-256 of the file and, where one is used, its adapter_config.json: lowercase hex
};

// `path`: a .safetensors file, or a folder with one; an adapter_config.json beside it counts when the file is named
// adapter_model.safetensors or its keys are PEFT's. Reads every factor once, to see that it is finite; they stay in
// the file. Error{BadFile} when a key fits no weight of `base` (it names the first few and what they look like), when
// factors are missing, do not fit each other or the weight, change it twice or are not finite; Error{Unsupported} for
// kinds of factors that are not read.
Adapter read_adapter(const std::filesystem::path& path, const AdapterBase& base,
                     Strictness strictness = Strictness::Strict);

}  // namespace newbie
