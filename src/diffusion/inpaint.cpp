#include "diffusion/inpaint.h"

namespace newbie {

namespace {

// Runs f(i, m) for every element with its mask value; channels follow each other.
template <typename F>
void for_each_masked(const HeldPicture& held, size_t count, F f) {
  const size_t pixels = held.mask.size();
  for (size_t start = 0; start + pixels <= count; start += pixels)
    for (size_t p = 0; p < pixels; ++p) f(start + p, held.mask[p]);
}

}  // namespace

void show_held(const HeldPicture& held, double sigma, std::span<const float> x, std::span<float> shown) {
  const auto s = static_cast<float>(sigma), rest = static_cast<float>(1 - sigma);
  for_each_masked(held, x.size(), [&](size_t i, float m) {
    shown[i] = m == 1 ? x[i] : m * x[i] + (1 - m) * (s * held.noise[i] + rest * held.latent[i]);
  });
}

void steer_to_held(const HeldPicture& held, double sigma, std::span<const float> x, std::span<float> velocity) {
  const auto s = static_cast<float>(sigma), rest = static_cast<float>(1 - sigma);
  for_each_masked(held, x.size(), [&](size_t i, float m) {
    if (m == 1) return;
    if (s == 0) {
      velocity[i] = m * velocity[i] + (1 - m) * (held.latent[i] - held.noise[i]);
      return;
    }
    // (denoised − x) / sigma with shown − x = (1 − mask) · (held point − x).
    const float held_point = s * held.noise[i] + rest * held.latent[i];
    velocity[i] = m * velocity[i] + (1 - m) / s * (m * (held_point - x[i]) + held.latent[i] - x[i]);
  });
}

void restore_held(const HeldPicture& held, std::span<float> x) {
  for_each_masked(held, x.size(), [&](size_t i, float m) { x[i] = m * x[i] + (1 - m) * held.latent[i]; });
}

}  // namespace newbie
