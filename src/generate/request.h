// GenerateRequest: everything that decides a picture. The CLI, and later a server, fill the same struct.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/named.h"
#include "diffusion/sampler.h"
#include "diffusion/step_cache.h"
#include "diffusion/strength.h"
#include "image/image.h"
#include "text/routing.h"

namespace newbie {

// A low-rank adapter on the model's weights.
struct AdapterUse {
  std::string name;  // of a file, or what a server knows it by
  double strength = 1.0;
  // Modules that a glob holds for ("layers.0", "*.attention", "text_encoder") have another one; the last that holds
  // counts.
  std::vector<std::pair<std::string, double>> blocks = {};
  std::string sha256 = {};  // of the file that drew a picture; another file is told
};

enum class BatchNoise {
  Seeds,   // picture k is drawn from seed + k: each equals the picture drawn alone
  Slices,  // picture k takes slice k of one large draw, as ComfyUI does
};

std::span<const Named<BatchNoise>> batch_noises();

enum class PreviewMethod {
  Linear,  // a matrix from latent to colour: costs nothing, shows blurred shapes; decoded where the model has none
  Decode,  // the autoencoder: true, takes its time and memory
};

std::span<const Named<PreviewMethod>> preview_methods();

constexpr int64_t kMaxSide = 16384;
constexpr int kMaxBatch = 4096;
constexpr double kUsualShift = 6.0;

// What becomes of a picture to start from, and of its mask, that has other proportions than the one to draw.
enum class InitFit {
  Crop,     // its middle
  Pad,      // all of it, its edges going on as far as needed: that part is repainted
  Stretch,  // all of it, out of shape
};
std::span<const Named<InitFit>> init_fits();

// What each field is called, what it may be and what it is for: generate/request_fields.cpp, a row a field.
struct GenerateRequest {
  std::string prompt;
  std::string negative_prompt;
  std::optional<std::string>
      system_prompt;  // a name of text/system_prompts.h or a literal text; none: chosen by the prompt
  Routing routing = Routing::Official;
  bool weights = false;           // both prompts have the markup of text/prompt_weights.h
  size_t max_gemma_tokens = 512;  // special tokens included
  size_t max_jina_tokens = 2048;

  int64_t width = 0, height = 0;  // pixels, multiples of 16; 0: the model's own size
  uint64_t seed = 0;
  int batch = 1;
  BatchNoise batch_noise = BatchNoise::Seeds;

  std::string sampler = "res_multistep";
  std::string schedule;  // empty: the sampler's own
  int steps = 28;
  std::vector<double> sigmas;  // by hand; wins over schedule and steps
  double tolerance = 0.0;      // above 0: instead of sampler, schedule, steps and sigmas (samplers/adaptive.cpp)
  double shift = 0.0;          // 0: the model's own, kUsualShift where it says none
  double eta = 1.0;            // ancestral samplers

  double cfg = 4.5;          // 1 skips the unconditional pass
  double cfg_trunc = 100.0;  // guidance acts while t < cfg_trunc (0 noise … 1 data)
  double cfg_hold = 0.0;     // 0 is off: HeldGuidance
  double renorm_cfg = 0.0;   // 0 is off
  double rescale_cfg = 0.0;  // 0 is off

  std::vector<AdapterUse> adapters;  // in this order
  bool merge_adapters = false;       // into the weights, rounded once, instead of beside them

  CacheOptions cache;  // leaves out most of a step where it changes little: another picture, sooner

  // Image to image: the picture is resized to width and height; where those are 0, they come from it.
  std::optional<Image> init_image;   // RGB or RGBA
  InitFit init_fit = InitFit::Crop;  // where its proportions are others
  double strength = 0.75;  // in (0, 1]: how much of the schedule is walked; sigmas by hand are walked as given
  StrengthRule strength_rule = StrengthRule::Diffusers;
  std::optional<Image> mask;  // of init_image: white is repainted, the rest comes back to the pixel
  bool mask_invert = false;   // black is
  double mask_blur = 0.0;     // standard deviation in pixels: of the drawing, with only_masked of init_image
  // The box around the mask is drawn alone, at width x height, and put back into init_image, whose size it has.
  bool only_masked = false;
  int mask_padding = 32;    // pixels of init_image around that box
  bool keep_alpha = false;  // the picture has the transparency of init_image

  // A second pass on the picture enlarged by this factor; 0 is off.
  double hires_scale = 0.0;
  double hires_strength = 0.5;
  int hires_steps = 0;  // 0: steps

  // Pictures larger than this many pixels on a side are decoded in tiles (generate/vae_tiles.h); 0: whole.
  int64_t vae_tile = 0;

  // RunObserver::on_preview after every so many steps but the last; 0: never. Changes no picture.
  int preview_every = 0;
  PreviewMethod preview_method = PreviewMethod::Linear;
};

// Error{InvalidRequest} for what no model could do: sizes, counts and numbers out of range.
void check_request(const GenerateRequest& request);

// Width and height, from the picture to start from or the model's default side where they are not given.
// Error{InvalidRequest} when they are no multiples of `step` or absurd.
struct PictureSize {
  int64_t width, height;
};
PictureSize picture_size(const GenerateRequest& request, int64_t default_side, int64_t step);

// What walks its noise levels.
const Sampler& sampler_of(const GenerateRequest& request);
std::string schedule_of(const GenerateRequest& request);  // the name of what it is walked on, unless by hand

// The falling noise levels of a request, and the name of the schedule they come from ("by hand" included).
struct NoiseLevels {
  std::string schedule;
  std::vector<double> sigmas;
};
NoiseLevels noise_levels(const GenerateRequest& request);

// The second pass of a request with hires_scale: its size, and its levels (never those given by hand).
PictureSize hires_size(const GenerateRequest& request, PictureSize first, int64_t step);
NoiseLevels hires_noise_levels(const GenerateRequest& request);

}  // namespace newbie
