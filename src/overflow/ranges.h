// What a run was seen to compute: how large every value became, and what is inside ops where no tensor shows it.
#pragma once

#include <cstdint>
#include <optional>
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

// One value of a network, over all prompts and steps.
struct ValueRange {
  std::string part, path;  // "transformer", "layers.7.attention.out"
  std::string op;
  NumericClass numeric_class = NumericClass::Source;
  double largest = 0;                  // of the finite |x|
  uint64_t count = 0;                  // numbers seen, those not finite included
  uint64_t not_finite = 0;             // infinite or NaN
  uint64_t subnormal = 0, vanish = 0;  // not 0, and in f16 subnormal; rounded to 0
  Moment when;                         // of the largest

  std::string name() const { return part + '.' + path; }
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
