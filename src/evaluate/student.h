// Student's t and the normal distribution: how far from a mean a share of all values lies.
#pragma once

#include <cstddef>

namespace newbie {

// P(T ≤ t) with `degrees` > 0 of freedom, by the incomplete beta function (Abramowitz and Stegun 26.7.1, its continued
// fraction 26.5.8).
double student_cdf(double t, double degrees);

// The t that `share` of (0, 1) of all values are not above. Error{InvalidRequest} for other shares and degrees.
double student_quantile(double share, double degrees);

double normal_quantile(double share);

// A two-sided test at 5 % sees a true difference of this many standard errors in 80 of 100 studies.
double detectable_errors(size_t n);

}  // namespace newbie
