// Repainting a part of a latent while the rest is held at a given picture (spec/sampling.md §6).
#pragma once

#include <span>

namespace newbie {

// The picture that is held. `latent` and `noise` are as long as the state, [channels, pixels]; `mask` has one value a
// latent pixel, 1 where it is repainted and 0 where it is held.
struct HeldPicture {
  std::span<const float> latent, noise, mask;
};

// What the network gets to see: x, with sigma · noise + (1 − sigma) · latent where the picture is held.
void show_held(const HeldPicture& held, double sigma, std::span<const float> x, std::span<float> shown);

// The velocity at x whose denoised estimate is mask · (shown + sigma · v) + (1 − mask) · latent, for the v that the
// network gave at `shown`; in place. At sigma 0 the held part moves along latent − noise, the path it came on.
void steer_to_held(const HeldPicture& held, double sigma, std::span<const float> x, std::span<float> velocity);

// The end of a run: the held part becomes `latent`.
void restore_held(const HeldPicture& held, std::span<float> x);

}  // namespace newbie
