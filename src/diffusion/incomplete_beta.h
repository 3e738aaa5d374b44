// The regularized incomplete beta function and its inverse, for the `beta` schedule.
#pragma once

namespace newbie {

// I_x(a, b) for x in [0, 1] and a, b > 0: the distribution function of Beta(a, b). About 1e-14 accurate for a, b
// near 1.
double regularized_incomplete_beta(double x, double a, double b);

// The x with I_x(a, b) = p, for p in [0, 1]: exactly 0, 1 and (when a == b) 1/2 at p = 0, 1 and 1/2.
double inverse_incomplete_beta(double p, double a, double b);

}  // namespace newbie
