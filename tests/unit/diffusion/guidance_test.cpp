// Guidance formulas (spec/nextdit.md §9) and their laws.
#include "diffusion/guidance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "unit/core/expect_error.h"

namespace newbie {
namespace {

using Vector = std::vector<float>;
constexpr double kEps = std::numeric_limits<float>::epsilon();

Vector gaussian(unsigned seed, size_t n = 256) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  Vector out(n);
  for (float& e : out) e = normal(engine);
  return out;
}

double norm(const Vector& v) {
  double sum = 0;
  for (const float e : v) sum += static_cast<double>(e) * e;
  return std::sqrt(sum);
}

Vector guided(const Vector& c, const Vector& u, double cfg) {
  Vector out(c.size());
  combine_cfg(c, u, cfg, out);
  return out;
}

TEST(Guidance, ActsBelowTheTruncationTimeOnly) {
  EXPECT_TRUE(guidance_active(0.0, 5, 0.25));
  EXPECT_TRUE(guidance_active(0.24, 5, 0.25));
  EXPECT_FALSE(guidance_active(0.25, 5, 0.25));
  EXPECT_FALSE(guidance_active(0.9, 5, 0.25));
  EXPECT_TRUE(guidance_active(1.0, 5, 100));
  EXPECT_FALSE(guidance_active(0.0, 1, 100));
  EXPECT_TRUE(guidance_active(0.0, 0, 100));  // cfg 0 is the unconditional picture: it needs the second velocity
}

TEST(Guidance, CombinesFromTheUnconditionalSide) {
  const Vector c{3, -1, 0.5f}, u{1, 1, 0.5f};
  EXPECT_EQ(guided(c, u, 0), u);
  EXPECT_EQ(guided(c, u, 1), c);
  EXPECT_EQ(guided(c, u, 4.5), (Vector{10, -8, 0.5f}));
  Vector in_place = u;
  combine_cfg(c, in_place, 4.5, in_place);
  EXPECT_EQ(in_place, guided(c, u, 4.5));
}

TEST(Guidance, RenormShortensToTheConditionalNormAndNeverLengthens) {
  const Vector c = gaussian(1), u = gaussian(2);
  Vector v = guided(c, u, 8);
  const Vector before = v;
  ASSERT_GT(norm(v), norm(c));
  renorm_cfg(c, 1, v);
  EXPECT_NEAR(norm(v) / norm(c), 1, 2 * kEps);
  for (size_t i = 0; i < v.size(); ++i) EXPECT_NEAR(v[i] / before[i], v[0] / before[0], 2 * kEps);  // same direction

  Vector short_one = c;
  for (float& e : short_one) e *= 0.5f;
  const Vector kept = short_one;
  renorm_cfg(c, 1, short_one);
  EXPECT_EQ(short_one, kept);
  renorm_cfg(c, 0.25, short_one);
  EXPECT_NEAR(norm(short_one) / norm(c), 0.25, 2 * kEps);

  Vector off = before;
  renorm_cfg(c, 0, off);
  EXPECT_EQ(off, before);
  Vector zero(c.size());
  renorm_cfg(zero, 1, zero);
  EXPECT_EQ(zero, Vector(c.size()));
}

// The node's own words in double: predictions u = x/(σ²+1) − D with D = x + σv, mixed by deviation.
std::vector<double> rescaled_by_the_node(const Vector& x, const Vector& c, const Vector& v, double sigma, double m) {
  const auto prediction = [&](const Vector& velocity) {
    std::vector<double> out(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const double denoised = x[i] + sigma * velocity[i];
      out[i] = (x[i] / (sigma * sigma + 1) - denoised) * std::sqrt(sigma * sigma + 1) / sigma;
    }
    return out;
  };
  const auto deviation = [](const std::vector<double>& p) {
    double mean = 0, sum = 0;
    for (const double e : p) mean += e / static_cast<double>(p.size());
    for (const double e : p) sum += (e - mean) * (e - mean);
    return std::sqrt(sum / static_cast<double>(p.size() - 1));
  };
  const std::vector<double> cond = prediction(c), all = prediction(v);
  const double ratio = deviation(cond) / deviation(all);
  std::vector<double> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double mixed = m * all[i] * ratio + (1 - m) * all[i];
    const double denoised = x[i] / (sigma * sigma + 1) - mixed * sigma / std::sqrt(sigma * sigma + 1);
    out[i] = (denoised - x[i]) / sigma;
  }
  return out;
}

TEST(Guidance, RescaleEqualsTheNode) {
  const Vector x = gaussian(3), c = gaussian(4), u = gaussian(5);
  for (const double sigma : {1.0, 0.7, 0.05})
    for (const double multiplier : {0.0, 0.3, 0.9, 1.0}) {
      Vector v = guided(c, u, 5);
      const std::vector<double> want = rescaled_by_the_node(x, c, v, sigma, multiplier);
      rescale_cfg(x, c, sigma, multiplier, v);
      for (size_t i = 0; i < v.size(); ++i)
        EXPECT_NEAR(v[i], want[i], kEps * (std::abs(want[i]) + 1e-6)) << sigma << " " << multiplier;
    }
}

TEST(Guidance, RescaleLeavesTheConditionalVelocityAlone) {
  const Vector x = gaussian(6), c = gaussian(7);
  Vector v = c;
  rescale_cfg(x, c, 0.4, 0.9, v);
  for (size_t i = 0; i < v.size(); ++i) EXPECT_NEAR(v[i], c[i], kEps * (std::abs(c[i]) + 1e-6));
  Vector flat(8, 0.0f);
  rescale_cfg(flat, Vector(8, 1.0f), 0.4, 1, flat);
  EXPECT_EQ(flat, Vector(8, 0.0f));
  EXPECT_ERROR(rescale_cfg(x, c, 0.4, 1.5, v), ErrorKind::InvalidRequest, "multiplier");
}

// A difference that moves by a constant vector a unit of time.
TEST(HeldGuidance, HoldsAsLongAsTheGuidedVelocityStaysWithinTheLimit) {
  const Vector c = gaussian(1), d = gaussian(2), slope = gaussian(3);
  const double cfg = 4;
  const auto uncond = [&](double t) {
    Vector u(c.size());
    for (size_t i = 0; i < u.size(); ++i) u[i] = c[i] - (d[i] + static_cast<float>(t) * slope[i]);
    return u;
  };
  for (const double limit : {0.05, 0.2}) {
    Vector memory(c.size());
    HeldGuidance held(limit, cfg, memory);
    EXPECT_FALSE(held.holds(0.1, c)) << "nothing is known";
    held.remember(0.1, c, uncond(0.1));
    EXPECT_FALSE(held.holds(0.2, c)) << "of one pass no rate is known";
    held.remember(0.2, c, uncond(0.2));
    const double may_move = limit * norm(guided(c, uncond(0.2), cfg)) / ((cfg - 1) * norm(slope));
    EXPECT_FALSE(held.holds(0.2, c)) << "another state at the same time is another difference";
    EXPECT_TRUE(held.holds(0.2 + 0.99 * may_move, c));
    EXPECT_FALSE(held.holds(0.2 + 1.01 * may_move, c));
    Vector u(c.size());
    held.stand_in(c, u);
    for (size_t i = 0; i < u.size(); ++i)
      EXPECT_NEAR(u[i], uncond(0.2)[i], 8 * kEps * (std::abs(c[i]) + std::abs(d[i]) + std::abs(slope[i])));
  }
}

}  // namespace
}  // namespace newbie
