// What a run made, as files that load where pictures are drawn.
#pragma once

#include <filesystem>
#include <span>

#include "generate/parts.h"
#include "train/adapters.h"

namespace newbie {

//   LoRA  NAME.safetensors in ComfyUI's generic form, alpha / rank inside lora_B
//   LoKr  NAME.safetensors, diffusion_model.{module}.lokr_w1, .lokr_w2 or its factors; the scale inside lokr_w1
//   DoRA  NAME/adapter_model.safetensors and adapter_config.json, as PEFT writes them
//   Full  NAME.safetensors: the transformer under its own names, in `dtype`, its configuration inside
// Returns trained_file().
std::filesystem::path write_trained(const std::filesystem::path& folder, const std::string& name, TrainingKind kind,
                                    std::span<const AdaptedModule> modules, const Parameters& trained,
                                    const Transformer& base, DType dtype);

std::filesystem::path trained_file(const std::filesystem::path& folder, const std::string& name, TrainingKind kind);

}  // namespace newbie
