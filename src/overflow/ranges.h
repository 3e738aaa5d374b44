// What a run was seen to compute: how large every value became, and what is inside ops where no tensor shows it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace newbie {

// Where in the work a value was made.
struct Moment {
  int prompt = 0;      // from 0
  int evaluation = 0;  // of the denoiser, from 1; 0 elsewhere
};

// The largest finite number of a format, F32, BF16 or F16, and the smallest that has all its digits.
double largest_of(DType format);
double smallest_normal_of(DType format);

// log2(limit / value): what is left; negative beyond the limit, infinite for 0.
double headroom_bits(double value, DType format);

// What underflow takes of numbers that f16 keeps as subnormals or not at all.
struct Loss {
  double squares = 0, lost = 0;  // Σ x², and Σ (x − f16(x))² of those that are too small to keep all their digits

  void add(std::span<const float> values);
  void add(const Loss& more);
  double share() const;  // √(lost / squares); 0 of nothing
};

// How numbers are spread over the powers of two, to tell what underflow would take of them at another scale. Several
// tensors may be added: each counts alike, whatever its size and scale.
class MagnitudeSpread {
 public:
  using Counts = std::array<uint64_t, 256>;  // by `bin_of`

  // By the exponent e of |x| in [2^e, 2^(e+1)), plus 127; or, where a number has less than 11 significant bits, by the
  // exponent that a number of 11 would have whose last bit is as large: it loses nothing as long as that one does not.
  static size_t bin_of(float x);

  void add(const Counts& counts, double squares);  // of one tensor, and its Σ x²
  // Loss::share of these numbers times 2^log2: the root of its mean square over the tensors. Roundings are taken to be
  // uniform, numbers to be even within a power of two.
  double loss(int log2) const;

 private:
  std::array<double, 256> per_square_{};  // Σ count / Σ x², of the tensors
  uint64_t tensors_ = 0;
};

// Rounding numbers that keep their digits takes 0.41 · 2^-11 of them (the root of the mean square over all
// significands). Underflow is told, and mended by powers of two, from a fiftieth of that on: below, all but a few
// numbers made of these are rounded as if nothing had underflowed. It is worth f32 where it adds a third and more to
// the square.
inline constexpr double kNoticedLoss = 0x1p-18, kCostlyLoss = 0x1p-13;

// One value of a network, over all prompts and steps.
struct ValueRange {
  std::string part, path;  // "transformer", "layers.7.attention.out"
  std::string op;
  NumericClass numeric_class = NumericClass::Source;
  double largest = 0;                  // of the finite |x|
  uint64_t count = 0;                  // numbers seen, those not finite included
  uint64_t not_finite = 0;             // infinite or NaN
  uint64_t subnormal = 0, vanish = 0;  // not 0, and in f16 subnormal; rounded to 0
  double loss = 0;                     // the largest Loss::share of a tensor in f16
  double loss_largest = 0;             // the largest finite |x| there
  MagnitudeSpread spread;
  Moment when, loss_when;  // of the largest, and of that loss

  std::string name() const { return part + '.' + path; }
};

// A weight, or the rows of it that make one piece of a result (compile/rescale.h), as an op multiplies with it, in a
// format narrower than f32.
struct WeightRange {
  std::string part, weight;    // "transformer", "layers.7.attention.out.weight": as it is stored
  int64_t begin = 0, end = 0;  // rows
  DType format = DType::F16;
  double largest = 0;  // of the finite |w|
  double loss = 0;     // Loss::share
  MagnitudeSpread spread;

  // Tells the rows of one weight from all others.
  static std::string key(std::string_view part, std::string_view weight, int64_t begin, int64_t end);
};

// What is added up or raised inside an op.
enum class InsideKind {
  SquareSum,    // of a norm: Σ (x − mean)² over what is normed together (RMS norms: no mean)
  Square,       // its largest term
  Sum,          // of a layer or group norm: the largest |Σ x| on the way to the mean
  Logit,        // |scale · q·k| before the softmax, of keys that are seen
  AbsoluteSum,  // of a matrix product or convolution: the largest Σ|a||b|, which no order of summing can exceed
};
std::string_view to_string(InsideKind kind);

struct InsideRange {
  std::string part, path;  // of the op
  std::string op;
  InsideKind kind = InsideKind::SquareSum;
  double largest = 0;  // infinite or NaN when an operand is so
  Moment when;
  std::string operand;  // path of the value that is normed or multiplied

  std::string name() const { return part + '.' + path; }
};

}  // namespace newbie
