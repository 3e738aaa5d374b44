#include "foreign_flags.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace newbie {

namespace {

constexpr std::string_view kOneDevice = "all parts run on the device that --device names";
constexpr std::string_view kByVulkan = "cards are used through Vulkan";
constexpr std::string_view kMemory = "what does not fit is streamed from the file";
constexpr std::string_view kAlways = "attention is computed in blocks anyway";

// diffusers' scripts, stable-diffusion.cpp, ComfyUI, A1111, Fooocus.
constexpr ForeignFlag kForeignFlags[] = {
    {"--guidance-scale", "--cfg-scale", ""},
    {"--guidance", "--cfg-scale", ""},
    {"--cfg", "--cfg-scale", ""},
    {"--scale", "--cfg-scale", ""},
    {"--cfg-rescale", "--rescale-cfg", ""},
    {"--guidance-rescale", "--rescale-cfg", ""},
    {"--num-inference-steps", "--steps", ""},
    {"--inference-steps", "--steps", ""},
    {"--num-steps", "--steps", ""},
    {"--sampling-steps", "--steps", ""},
    {"--ddim-steps", "--steps", ""},
    {"--sampler", "--sampling-method", ""},
    {"--sampler-name", "--sampling-method", ""},
    {"--sample-method", "--sampling-method", ""},
    {"--schedule", "--scheduler", ""},
    {"--schedule-type", "--scheduler", ""},
    {"--time-shift", "--shift", ""},
    {"--flow-shift", "--shift", ""},
    {"--n-iter", "--batch-count", ""},
    {"--n-samples", "--batch-count", ""},
    {"--num-images", "--batch-count", ""},
    {"--num-images-per-prompt", "--batch-count", ""},
    {"--batch-size", "--batch-count", ""},
    {"--count", "--batch-count", ""},
    {"--neg", "--negative-prompt", ""},
    {"--negative", "--negative-prompt", ""},
    {"--n-prompt", "--negative-prompt", ""},
    {"--image", "--init-img", ""},
    {"--init", "--init-img", ""},
    {"--init-image", "--init-img", ""},
    {"--input-image", "--init-img", ""},
    {"--mask-image", "--mask", ""},
    {"--denoise", "--strength", ""},
    {"--denoising-strength", "--strength", ""},
    {"--out", "--output", ""},
    {"--outdir", "--output", "a folder is one of the things it takes"},
    {"--output-dir", "--output", "a folder is one of the things it takes"},
    {"--save-path", "--output", ""},
    {"--model-path", "--model", ""},
    {"--model-id", "--model", "a folder on this machine"},
    {"--pretrained-model-name-or-path", "--model", "a folder on this machine"},
    {"--ckpt", "--diffusion-model", ""},
    {"--checkpoint", "--diffusion-model", ""},
    {"--unet", "--diffusion-model", ""},
    {"--llm", "--text-encoder", ""},
    {"--lora-path", "--lora", ""},
    {"--lora-model-dir", "--lora", "a file, perhaps with :strength behind it"},
    {"--lora-scale", "--lora", "FILE:0.8 is one at 0.8"},
    {"--type", "--dtype", ""},
    {"--torch-dtype", "--dtype", ""},
    {"--fp16", "--dtype", "f16 is emulated; bf16 is what this model was trained in"},
    {"--half", "--dtype", "f16 is emulated; bf16 is what this model was trained in"},
    {"--bf16", "--dtype", ""},
    {"--fp32", "--dtype", ""},
    {"--no-half", "--dtype", ""},
    {"--mixed-precision", "--precision", ""},
    {"--hires-fix", "--hires", ""},
    {"--enable-hr", "--hires", ""},
    {"--hr-scale", "--hires", ""},
    {"--hires-scale", "--hires", ""},
    {"--hires-denoising-strength", "--hires-strength", ""},
    {"--upscale", "--hires", "the model draws the larger picture; there is no upscaler by itself"},
    {"--vae-tile-size", "--vae-tiling", ""},
    {"--tiled-vae", "--vae-tiling", ""},
    {"--enable-vae-tiling", "--vae-tiling", ""},
    {"--num-threads", "--threads", ""},
    {"--n-threads", "--threads", ""},
    {"--prompts-file", "--prompts", ""},
    {"--from-file", "--prompts", ""},
    {"--prompts-from-file", "--prompts", ""},
    {"--lowvram", "--memory", kMemory},
    {"--medvram", "--memory", kMemory},
    {"--novram", "--memory", kMemory},
    {"--max-memory", "--memory", ""},
    {"--offload", "--memory", kMemory},
    {"--offload-to-cpu", "--memory", kMemory},
    {"--enable-model-cpu-offload", "--memory", kMemory},
    {"--gpu", "--device", kByVulkan},
    {"--cuda", "--device", kByVulkan},
    {"--cpu", "--device", "the CPU is the default"},
    {"--vae-on-cpu", "", kOneDevice},
    {"--clip-on-cpu", "", kOneDevice},
    {"--clip-skip", "", "the transformer reads the layer of its encoders that it was trained with"},
    {"--xformers", "", kAlways},
    {"--diffusion-fa", "", kAlways},
    {"--attention-slicing", "", kAlways},
    {"--rng", "", "noise is that of PyTorch's generator on the CPU"},
    {"--safety-checker", "", "no picture is looked at"},
    {"--control-image", "", "there are no control networks for this model"},
    {"--control-net", "", "there are no control networks for this model"},
    {"--embeddings", "", "there are no textual inversions for this model"},
    {"--embd-dir", "", "there are no textual inversions for this model"},
};

bool is_number(std::string_view value) {
  return !value.empty() && value.find_first_not_of("0123456789.%") == value.npos;
}

bool is_of(std::string_view field, std::string_view value) {
  try {
    value_of_words(request_field(field), value);
    return true;
  } catch (const Error&) {
    return false;
  }
}

struct ForeignValue {
  std::string_view field;
  bool (*is_meant)(std::string_view value);
  std::string_view hint;
};
constexpr ForeignValue kForeignValues[] = {
    {"quality", is_number, "how much a JPEG or WebP file keeps is --file-quality, 1 to 100"},
    {"schedule", [](std::string_view value) { return is_of("sampler", value); }, "a sampler is --sampling-method"},
    {"sampler", [](std::string_view value) { return is_of("schedule", value); }, "a schedule is --scheduler"},
    {"strength", is_number, "a share: 0.5 is half of the way"},
    {"hires_strength", is_number, "a share: 0.5 is half of the way"},
};

}  // namespace

std::string_view foreign_value_hint(const RequestField& field, std::string_view value) {
  for (const ForeignValue& row : kForeignValues)
    if (row.field == field.name && row.is_meant(value)) return row.hint;
  return {};
}

const ForeignFlag* find_foreign_flag(std::string_view word) {
  std::string plain(word);
  std::replace(plain.begin(), plain.end(), '_', '-');
  const auto found = std::ranges::find(kForeignFlags, std::string_view(plain), &ForeignFlag::theirs);
  return found == std::end(kForeignFlags) ? nullptr : found;
}

}  // namespace newbie
