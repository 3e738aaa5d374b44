#include "core/random.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace newbie {

namespace {

constexpr size_t kBlock = 16;

// Box–Muller in place: eight pairs (u_j, u_{j+8}) become eight pairs of normal values. ATen's normal_fill_16.
void to_normal(std::span<float, kBlock> block) {
  for (size_t j = 0; j < kBlock / 2; ++j) {
    const float radius = std::sqrt(-2.0F * std::log(1.0F - block[j]));  // 1 - u is in (0, 1]: the log is finite
    const float angle = 2.0F * std::numbers::pi_v<float> * block[j + kBlock / 2];
    block[j] = radius * std::cos(angle);
    block[j + kBlock / 2] = radius * std::sin(angle);
  }
}

}  // namespace

float TorchGenerator::uniform() { return static_cast<float>(engine_() & 0xFFFFFFU) * 0x1p-24F; }

void TorchGenerator::normal(std::span<float> out) {
  if (out.size() < kBlock)
    fail(ErrorKind::InvalidRequest, "random numbers come in tensors of at least {} elements, asked for {}", kBlock,
         out.size());
  for (float& x : out) x = uniform();
  for (size_t i = 0; i + kBlock <= out.size(); i += kBlock) to_normal(out.subspan(i).first<kBlock>());
  if (out.size() % kBlock == 0) return;
  // A ragged end is covered by a fresh block over the last 16 elements.
  const std::span<float, kBlock> tail = out.last<kBlock>();
  for (float& x : tail) x = uniform();
  to_normal(tail);
}

}  // namespace newbie
