// Adapters as files, in the forms that other programs read (docs/lora.md).
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "core/stop_token.h"
#include "weights/safetensors_writer.h"

namespace newbie {

enum class AdapterForm {
  Peft,       // a folder: adapter_model.safetensors (base_model.model.…lora_A.weight) and adapter_config.json
  ComfyUi,    // diffusion_model.…, the scale inside the factors: loads alike in ComfyUI's core and in the NewBie node
  Diffusers,  // transformer.….attn.to_q and its like, the scale in the metadata
  Kohya,      // lora_unet_…lora_down.weight with .alpha; lora_te_… for the text encoder
};
std::string_view to_string(AdapterForm form);  // "peft", "comfyui", "diffusers", "kohya"
std::optional<AdapterForm> find_adapter_form(std::string_view name);

struct AdapterWriting {
  AdapterForm form = AdapterForm::Peft;
  DType dtype = DType::F32;                     // of factors: F32, BF16 or F16, rounded once
  std::map<std::string, std::string> metadata;  // added to what the form itself says
  double dropout = 0;                           // told in adapter_config.json
  std::string base_model;                       // there, too: base_model_name_or_path
};

// An adapter in a form, not written yet: what its file holds.
struct AdapterFileContents {
  std::vector<StreamedTensor> tensors;  // made while they are written; the changes' factors must live as long
  std::map<std::string, std::string> metadata;
  std::string config;  // adapter_config.json; empty where the form has none
};

// Every change in the form asked for; W' is the same but for the rounding of `dtype`. Changes of q, k and v apart
// become one of attention.qkv where the form has no names for them, and the other way about. Error{Unsupported} names
// the changes that the form cannot say (LoKr, LoHa, differences, DoRA, the text encoder: which form says which is in
// docs/lora.md).
AdapterFileContents adapter_contents(std::span<const AdapterChange> changes, const AdapterBase& base,
                                     const AdapterWriting& writing);

// Writes the file, atomically; for Peft `path` is the folder, which is made if need be, else the file itself. Returns
// the files written. Error{Cancelled} when stopped; after an error there is no file and no folder that was not there
// before.
std::vector<std::filesystem::path> write_adapter(const std::filesystem::path& path,
                                                 std::span<const AdapterChange> changes, const AdapterBase& base,
                                                 const AdapterWriting& writing, StopToken stop = {});

}  // namespace newbie
