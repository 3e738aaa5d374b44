// Pictures of unfinished latents without a decoder: each latent pixel becomes one colour by a matrix that was fitted to
// the autoencoder and lies beside it (docs/files.md, "Preview factors").
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "generate/network.h"
#include "generate/parts.h"
#include "image/image.h"

namespace newbie {

// colour = bias + Σ latent[c] · matrix[c], in [-1, 1]; latents as samplers have them, normalised.
struct PreviewFactors {
  std::vector<std::array<float, 3>> matrix;  // [latent_channels]
  std::array<float, 3> bias{};
  double rms_error = 0;  // of the fit
};

// latent [C, h, w] -> RGB, `downscale` times as large, with smooth steps.
Image linear_preview(const PreviewFactors& factors, std::span<const float> latent, int64_t h, int64_t w,
                     int64_t downscale);

// latent_preview.json in an autoencoder's folder; beside a single file NAME.safetensors: NAME.latent_preview.json.
std::filesystem::path preview_factors_path(const std::filesystem::path& vae);

// Nothing when there is no such file. Error{BadFile} when it is damaged or for another number of channels.
std::optional<PreviewFactors> read_preview_factors(const Vae& vae);
std::string preview_factors_json(const PreviewFactors& factors);

// Least squares between the latents of pictures and what the decoder makes of them, a latent pixel's share averaged.
// Pictures are cut to whole latent pixels. Error{InvalidRequest} when they are too few or too much alike.
PreviewFactors fit_preview(const Vae& vae, Runtime& runtime, std::span<const Image> pictures, StopToken stop);

// The solution itself: rows of (latent, colour) pairs, latents [N, channels], colours [N, 3].
PreviewFactors solve_preview(std::span<const float> latents, std::span<const float> colours, size_t channels);

}  // namespace newbie
