// Numbers of 8 bits for an optimizer's moments: blocks with one scale, and in them a code of seven decades whose
// fractions are the finer the larger they are (Dettmers et al., "8-bit optimizers via block-wise quantization", 2022,
// dynamic tree quantisation).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace newbie {

enum class CodeSign { Signed, Unsigned };

// The 256 values in [−1, 1] or [0, 1], rising; 0 and 1 are among them.
const std::array<float, 256>& dynamic_codes(CodeSign sign);

inline constexpr size_t kCodeBlock = 256;  // numbers with one scale

// How many scales `count` numbers have.
constexpr size_t code_blocks(size_t count) { return (count + kCodeBlock - 1) / kCodeBlock; }

// One block: values to the nearest codes of value / scale, scale being the largest magnitude; and back.
float encode_block(std::span<const float> values, CodeSign sign, std::span<uint8_t> codes) noexcept;
void decode_block(std::span<const uint8_t> codes, CodeSign sign, float scale, std::span<float> values) noexcept;

}  // namespace newbie
