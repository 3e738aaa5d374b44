// How far a result may be from another. Tolerances follow from dtype, length and magnitude; none is tuned by hand.
//
// A floating-point step with unit roundoff u returns x(1 + d), |d| <= u. So
//   k steps in a row        err <= gamma(k)·|x|, gamma(k) = k·u / (1 − k·u)            (Higham, Accuracy, §3.1)
//   a sum of n products     err <= gamma(n)·Σ|a||b| in any order of addition; as the d are independent and without
//                           bias, also gamma(λ√n)·Σ|a||b|, with probability 1 − 2n·exp(−λ²/2) (Higham & Mary 2019).
//                           sum_steps(n) is λ√n with λ = 6: it does not hide a lost term as n does for long sums.
//   the stored result       err <= u(dtype)·|y|, or half the smallest subnormal
// `magnitude` in tests is the Σ|a||b| of an op: what one relative error on the way is multiplied by at most.
#pragma once

#include <gtest/gtest.h>

#include <span>

#include "core/dtype.h"

namespace newbie::test {

double unit_roundoff(DType dtype);  // 2^-24, 2^-8, 2^-11, 2^-53
double gamma(double steps, DType dtype);
double sum_steps(int64_t terms);

// What storing y as `dtype` may change, when it was rounded to f32 before; a kernel may flush subnormals to zero.
double storage_error(DType dtype, double y);

// |got[i] − want[i]| <= bound[i] for every i (a NaN never is; equal infinities are). A failure tells the element that
// is worst compared with its bound.
::testing::AssertionResult within(std::span<const float> got, std::span<const float> want,
                                  std::span<const double> bound);

// The same with one bound for all: a fraction of the largest |want|.
::testing::AssertionResult within_relative(std::span<const float> got, std::span<const float> want, double fraction);

// Equal bit for bit (a NaN equals itself).
::testing::AssertionResult same_bytes(std::span<const float> got, std::span<const float> want);

}  // namespace newbie::test
