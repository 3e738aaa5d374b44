#include "generate/foreign_fields.h"

#include <algorithm>
#include <utility>

namespace newbie {

namespace {

// diffusers, OpenAI, A1111, stable-diffusion.cpp, ComfyUI.
constexpr std::pair<std::string_view, std::string_view> kForeign[] = {{"num_inference_steps", "`steps`"},
                                                                      {"inference_steps", "`steps`"},
                                                                      {"num_steps", "`steps`"},
                                                                      {"sampling_steps", "`steps`"},
                                                                      {"sample_steps", "`steps`"},
                                                                      {"guidance_scale", "`cfg`"},
                                                                      {"guidance", "`cfg`"},
                                                                      {"scale", "`cfg`"},
                                                                      {"guidance_rescale", "`rescale_cfg`"},
                                                                      {"cfg_rescale", "`rescale_cfg`"},
                                                                      {"sampler_name", "`sampler`"},
                                                                      {"sample_method", "`sampler`"},
                                                                      {"schedule_type", "`schedule`"},
                                                                      {"time_shift", "`shift`"},
                                                                      {"flow_shift", "`shift`"},
                                                                      {"n", "`batch`"},
                                                                      {"n_iter", "`batch`"},
                                                                      {"n_samples", "`batch`"},
                                                                      {"batch_size", "`batch`"},
                                                                      {"num_images", "`batch`"},
                                                                      {"num_images_per_prompt", "`batch`"},
                                                                      {"size", "`width` and `height`"},
                                                                      {"resolution", "`width` and `height`"},
                                                                      {"neg", "`negative_prompt`"},
                                                                      {"image", "`init_image`"},
                                                                      {"init_images", "`init_image`"},
                                                                      {"input_image", "`init_image`"},
                                                                      {"mask_image", "`mask`"},
                                                                      {"denoise", "`strength`"},
                                                                      {"denoising_strength", "`strength`"},
                                                                      {"enable_hr", "`hires_scale`"},
                                                                      {"hr_scale", "`hires_scale`"},
                                                                      {"lora", "`loras`"}};

}  // namespace

std::string_view find_foreign_field(std::string_view name) {
  const auto found = std::ranges::find(kForeign, name, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(kForeign) ? std::string_view() : found->second;
}

}  // namespace newbie
