// Which part of a schedule a strength leaves, and the arithmetic of held pictures.
#include "diffusion/strength.h"

#include <cmath>
#include <limits>

#include "diffusion/inpaint.h"
#include "diffusion/registry.h"
#include "unit/core/expect_error.h"
#include "unit/diffusion/gaussian_data.h"

namespace newbie {
namespace {

TEST(Strength, DiffusersWalksTheLastIntervals) {
  const std::vector<double> all = make_sigmas("simple", 10);
  for (const auto& [strength, walked] : {std::pair{1.0, 10}, {0.75, 7}, {0.5, 5}, {0.19, 1}}) {
    const std::vector<double> left = sigmas_for_strength("simple", 10, strength, StrengthRule::Diffusers);
    EXPECT_EQ(left, std::vector<double>(all.end() - walked - 1, all.end())) << strength;
  }
  EXPECT_ERROR(sigmas_for_strength("simple", 10, 0.09, StrengthRule::Diffusers), ErrorKind::InvalidRequest, "none");
}

TEST(Strength, ComfyUiMakesALongerSchedule) {
  const std::vector<double> longer = make_sigmas("simple", 20);
  EXPECT_EQ(sigmas_for_strength("simple", 10, 0.5, StrengthRule::ComfyUi),
            std::vector<double>(longer.end() - 11, longer.end()));
  EXPECT_EQ(sigmas_for_strength("simple", 10, 1, StrengthRule::ComfyUi), make_sigmas("simple", 10));
  // `official` counts grid points.
  EXPECT_EQ(sigmas_for_strength("official", 10, 0.5, StrengthRule::ComfyUi).size(), 10u);
  EXPECT_ERROR(sigmas_for_strength("simple", 28, 0.001, StrengthRule::ComfyUi), ErrorKind::InvalidRequest, "28000");
}

TEST(Strength, NoisesALatent) {
  std::vector<float> x{1, 2};
  const std::vector<float> latent{10, 20};
  noise_latent(0.25, latent, x);
  EXPECT_EQ(x, (std::vector<float>{7.75, 15.5}));
}

// Channels of two pixels; the first pixel is held, the second repainted.
struct Held {
  explicit Held(size_t elements) : latent(test::noise(elements, 1)), noise(test::noise(elements, 2)) {}
  std::vector<float> latent, noise, mask{0, 1};
  HeldPicture held() const { return {latent, noise, mask}; }
};

TEST(Inpaint, ShowsTheHeldPathAndTheStateElsewhere) {
  const std::vector<float> latent{1, 2, 3, 4}, noise{5, -6, 7, -8}, mask{0, 1}, x{9, 9, 9, 9};
  std::vector<float> shown(4);
  show_held({latent, noise, mask}, 0.5, x, shown);
  EXPECT_EQ(shown, (std::vector<float>{3, 9, 5, 9}));
}

// Whatever the sampler and the field: the held pixel ends on the latent, the other as if nothing were held.
TEST(Inpaint, EverySamplerEndsOnTheHeldLatent) {
  const test::GaussianData data;
  const Held h(16);
  for (const Sampler* s : samplers()) {
    const std::vector<double> sigmas = make_sigmas("simple", 12);
    std::vector<float> free(h.noise), bound(h.noise), shown(16);
    const SamplerOptions options{.eta = 0};
    sample(*s, {.sigmas = sigmas, .denoise = data.field(), .options = options}, free);
    const Denoise field = [&](std::span<const float> x, double t, std::span<float> v) {
      show_held(h.held(), 1 - t, x, shown);
      data.field()(shown, t, v);
      steer_to_held(h.held(), 1 - t, x, v);
    };
    sample(*s, {.sigmas = sigmas, .denoise = field, .options = options}, bound);
    // Every evaluation rounds sums of numbers as large as latent and noise, and divides by sigma once.
    const double rounding = 64 * std::numeric_limits<float>::epsilon() / sigmas[sigmas.size() - 2];
    for (size_t i = 0; i < 16; i += 2)
      EXPECT_NEAR(bound[i], h.latent[i], rounding * (1 + std::abs(h.latent[i]) + std::abs(h.noise[i]))) << s->name;
    for (size_t i = 1; i < 16; i += 2) EXPECT_EQ(bound[i], free[i]) << s->name;
    restore_held(h.held(), bound);
    for (size_t i = 0; i < 16; i += 2) EXPECT_EQ(bound[i], h.latent[i]) << s->name;
  }
}

TEST(Inpaint, ASoftMaskBlendsTheDenoisedEstimate) {
  const std::vector<float> latent{2}, noise{-1}, mask{0.25f}, x{0.5f};
  const HeldPicture held{latent, noise, mask};
  const double sigma = 0.4;
  std::vector<float> shown(1), v{3};
  show_held(held, sigma, x, shown);
  const float denoised = shown[0] + 0.4f * v[0];
  steer_to_held(held, sigma, x, v);
  EXPECT_NEAR(x[0] + 0.4f * v[0], 0.25f * denoised + 0.75f * latent[0], 1e-6);
}

}  // namespace
}  // namespace newbie
