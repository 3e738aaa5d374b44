// Laws of the samplers on fields whose paths are known: order of convergence, exactness, counts, reports, stopping.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <map>

#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "unit/core/expect_error.h"
#include "unit/diffusion/gaussian_data.h"

namespace newbie {
namespace {

using test::GaussianData;
using test::noise;

constexpr double kEps = std::numeric_limits<float>::epsilon();

std::vector<double> even_sigmas(double from, double to, int intervals) {
  std::vector<double> out;
  for (int i = 0; i <= intervals; ++i) out.push_back(from + (to - from) * i / intervals);
  return out;
}

// Largest distance from the true path at the end of `sigmas`, starting on the path.
double error_of(const Sampler& sampler, const std::vector<double>& sigmas) {
  const GaussianData data;
  const std::vector<float> z = noise();
  std::vector<float> x;
  for (const float n : z) x.push_back(static_cast<float>(data.path(n, sigmas.front())));
  sample(sampler, {.sigmas = sigmas, .denoise = data.field(), .options = {.eta = 0}}, x);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - data.path(z[i], sigmas.back())));
  return worst;
}

// Halving the steps divides the error by 2^order at least. (On this field midpoint does better: its second-order errors
// cancel.) The stretch lies between noise and data, where no method falls back to first order for long.
TEST(Samplers, ConvergeWithTheirOrder) {
  const std::map<std::string_view, double> orders{{"euler", 1},    {"euler_a", 1},       {"midpoint", 2}, {"heun", 2},
                                                  {"dpmpp_2m", 2}, {"res_multistep", 2}, {"rk4", 4},      {"unipc", 3}};
  ASSERT_EQ(orders.size(), samplers().size());
  for (const Sampler* s : samplers()) {
    const double want = orders.at(s->name);
    const int n = want == 4 ? 4 : 16;  // fewer steps, or the error of fourth order drowns in float32
    const double coarse = error_of(*s, even_sigmas(0.95, 0.15, n)), fine = error_of(*s, even_sigmas(0.95, 0.15, 2 * n));
    ASSERT_GT(fine, 16 * kEps) << s->name << ": lost in rounding";
    EXPECT_GT(std::log2(coarse / fine), want - 0.25) << s->name;
  }
}

TEST(Samplers, ReachTheDataOnTheirOwnSchedules) {
  for (const Sampler* s : samplers()) {
    const double coarse = error_of(*s, make_sigmas(s->default_schedule, 50));
    const double fine = error_of(*s, make_sigmas(s->default_schedule, 200));
    const double rounding = 200 * 4 * kEps;
    EXPECT_LT(fine, std::max(coarse / 3, rounding)) << s->name;  // first order would divide by 4
  }
}

TEST(Samplers, AConstantVelocityIsExact) {
  const std::vector<float> start = noise(), slope = noise(32, 6);
  const Denoise field = [&](std::span<const float>, double, std::span<float> v) {
    std::copy(slope.begin(), slope.end(), v.begin());
  };
  // Steps that do not divide evenly; from an intermediate level too, as in img2img.
  for (const std::vector<double>& sigmas :
       {make_sigmas("simple", 13), make_sigmas("dpm", 9), {0.61, 0.35, 0.2, 0.07, 0}})
    for (const Sampler* s : samplers()) {
      std::vector<float> x = start;
      sample(*s, {.sigmas = sigmas, .denoise = field, .options = {.eta = 0}}, x);
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = start[i] + sigmas.front() * slope[i];
        // Each interval rounds a handful of numbers no larger than |start| + |slope|.
        const double bound = 16 * static_cast<double>(sigmas.size()) * kEps * (std::abs(start[i]) + std::abs(slope[i]));
        EXPECT_NEAR(x[i], want, bound) << s->name;
      }
    }
}

TEST(Samplers, CountsAreKnownInAdvance) {
  const GaussianData data;
  for (const Sampler* s : samplers())
    for (const int n : {1, 2, 7}) {
      int64_t calls = 0;
      const Denoise counting = [&](std::span<const float> x, double t, std::span<float> v) {
        EXPECT_GE(t, 0);
        EXPECT_LE(t, 1);
        ++calls;
        data.field()(x, t, v);
      };
      std::vector<float> x = noise();
      sample(*s, {.sigmas = even_sigmas(1, 0, n), .denoise = counting}, x);
      EXPECT_EQ(calls, s->evaluations(n)) << s->name;
    }
}

TEST(Samplers, ReportEveryInterval) {
  const GaussianData data;
  const std::vector<double> sigmas = make_sigmas("simple", 6);
  for (const Sampler* s : samplers()) {
    std::vector<float> x = noise(), before = x;
    int seen = 0;
    const auto on_step = [&](const SampleStep& step) {
      EXPECT_EQ(step.index, seen);
      EXPECT_EQ(step.intervals, 6);
      EXPECT_EQ(step.sigma, sigmas[static_cast<size_t>(seen) + 1]);
      ASSERT_EQ(step.latent.size(), x.size());
      ASSERT_EQ(step.denoised.size(), x.size());
      const double sigma = sigmas[static_cast<size_t>(seen)];
      for (size_t i = 0; i < x.size(); ++i)
        EXPECT_NEAR(step.denoised[i], data.denoised(before[i], sigma), 4 * kEps * (1 + 2 * std::abs(before[i])))
            << s->name;
      before.assign(step.latent.begin(), step.latent.end());
      ++seen;
    };
    sample(*s, {.sigmas = sigmas, .denoise = data.field(), .options = {}, .on_step = on_step}, x);
    EXPECT_EQ(seen, 6) << s->name;
    EXPECT_EQ(before, x) << s->name;
  }
}

TEST(Samplers, OneStepMethodsEndOnTheDenoisedEstimate) {
  const GaussianData data;
  for (const char* name : {"dpmpp_2m", "res_multistep", "unipc", "euler_a", "euler"}) {
    std::vector<float> x = noise(), last;
    const auto keep = [&](const SampleStep& step) { last.assign(step.denoised.begin(), step.denoised.end()); };
    sample(find_sampler(name),
           {.sigmas = make_sigmas("simple", 9), .denoise = data.field(), .options = {}, .on_step = keep}, x);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], last[i], 4 * kEps * (1 + std::abs(x[i]))) << name;
  }
}

TEST(Samplers, HistoryIsEmptyAtTheStart) {
  // With one interval before the last, a multistep method has no history to use: the same as Euler in its variable.
  const GaussianData data;
  const std::vector<double> sigmas{0.6, 0.3};
  std::vector<float> a = noise(), b = a, c = a;
  sample(find_sampler("euler"), {.sigmas = sigmas, .denoise = data.field()}, a);
  sample(find_sampler("dpmpp_2m"), {.sigmas = sigmas, .denoise = data.field()}, b);
  sample(find_sampler("res_multistep"), {.sigmas = sigmas, .denoise = data.field()}, c);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(b[i], a[i], 8 * kEps * (1 + std::abs(a[i])));
    EXPECT_NEAR(c[i], a[i], 8 * kEps * (1 + std::abs(a[i])));
  }
}

// From pure noise, where lambda is infinite, the estimate may be a line over e^lambda = (1 - sigma) / sigma: with
// D = a + b e^lambda, x(s) = s x(1) + (1 - s) (a + b/2 e^lambda(s)).
TEST(Samplers, AnEstimateThatIsALineOverTheRatioIsExactFromPureNoise) {
  const std::vector<float> start = noise(), a = noise(32, 6), b = noise(32, 7);
  const auto denoised = [&](size_t i, double s) { return a[i] + b[i] * (1 - s) / s; };
  const Denoise field = [&](std::span<const float> x, double t, std::span<float> v) {
    for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>((denoised(i, 1 - t) - x[i]) / (1 - t));
  };
  const double s = 0.9, r = 0.6;  // the second interval shows what the first has become
  std::vector<float> x = start;
  sample(find_sampler("unipc"), {.sigmas = std::vector<double>{1, s, r}, .denoise = field}, x);
  for (size_t i = 0; i < x.size(); ++i) {
    const double at_s = s * start[i] + (1 - s) * (a[i] + b[i] / 2 * (1 - s) / s);
    const double at_r = r / s * at_s + (1 - r - r / s * (1 - s)) * denoised(i, s);
    EXPECT_NEAR(x[i], at_r, 32 * kEps * (std::abs(start[i]) + std::abs(a[i]) + std::abs(b[i])));
  }
}

// Where the denoised estimate is a straight line over lambda = ln (1 - sigma) - ln sigma, whatever the state, a method
// that is exact for such lines has no error but rounding. With D = a + b lambda, from s to r,
//   x(r) = r / s · x(s) + r (F(r) - F(s)),   F = ∫ e^lambda D dlambda = (1 - sigma) / sigma · (a + b lambda - b).
TEST(Samplers, AnEstimateThatIsALineOverLambdaIsExact) {
  const auto lambda = [](double sigma) { return std::log((1 - sigma) / sigma); };
  const std::vector<float> start = noise(), a = noise(32, 6), b = noise(32, 7);
  const std::vector<double> sigmas{0.97, 0.9, 0.86, 0.7, 0.45, 0.3, 0.1};
  const Denoise field = [&](std::span<const float> x, double t, std::span<float> v) {
    for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>((a[i] + b[i] * lambda(1 - t) - x[i]) / (1 - t));
  };
  std::vector<float> x = start;
  std::vector<std::vector<float>> states{start};
  const auto keep = [&](const SampleStep& step) { states.emplace_back(step.latent.begin(), step.latent.end()); };
  sample(find_sampler("unipc"), {.sigmas = sigmas, .denoise = field, .options = {}, .on_step = keep}, x);
  const auto exact = [&](size_t i, double s, double r) {
    const auto primitive = [&](double sigma) { return (1 - sigma) / sigma * (a[i] + b[i] * lambda(sigma) - b[i]); };
    return r / s * start[i] + r * (primitive(r) - primitive(s));
  };
  double first_error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    // Each interval rounds a handful of numbers, none larger than the state and the estimates.
    const double largest = std::abs(start[i]) + std::abs(a[i]) + std::abs(b[i] * lambda(sigmas.front()));
    EXPECT_NEAR(x[i], exact(i, sigmas.front(), sigmas.back()),
                16 * static_cast<double>(sigmas.size()) * kEps * largest);
    first_error = std::max(first_error, std::abs(states[1][i] - exact(i, sigmas[0], sigmas[1])));
  }
  EXPECT_GT(first_error, 0.01);  // one estimate tells no line: it is the corrector that makes the first interval exact
}

TEST(Samplers, StopBetweenEvaluations) {
  const GaussianData data;
  for (const Sampler* s : samplers()) {
    std::atomic<bool> flag = false;
    int calls = 0;
    const Denoise field = [&](std::span<const float> x, double t, std::span<float> v) {
      if (++calls == 3) flag = true;
      data.field()(x, t, v);
    };
    std::vector<float> x = noise();
    const std::vector<double> sigmas = even_sigmas(1, 0, 8);
    EXPECT_ERROR(
        sample(*s, {.sigmas = sigmas, .denoise = field, .options = {}, .on_step = {}, .stop = StopToken(&flag)}, x),
        ErrorKind::Cancelled, "stopped");
    EXPECT_EQ(calls, 3) << s->name;
  }
}

TEST(Samplers, AreFoundByNameAndAlias) {
  for (const Sampler* s : samplers()) {
    EXPECT_EQ(&find_sampler(s->name), s);
    EXPECT_NO_THROW(make_sigmas(s->default_schedule, 20)) << s->name;
  }
  EXPECT_EQ(&find_sampler("dpm++2m"), &find_sampler("dpmpp_2m"));
  try {
    find_sampler("");
    ADD_FAILURE() << "an empty name was accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::InvalidRequest);
    EXPECT_THAT(e.hint(), testing::HasSubstr("res_multistep, unipc, euler, midpoint, heun, rk4, dpmpp_2m, euler_a"));
  }
}

TEST(Samplers, RefuseUnusableRuns) {
  std::vector<float> x = noise(), none;
  const Denoise field = GaussianData{}.field();
  const std::vector<double> rising{0, 1}, falling{1, 0};
  EXPECT_ERROR(sample(find_sampler("euler"), {.sigmas = rising, .denoise = field}, x), ErrorKind::InvalidRequest,
               "sigma 1");
  EXPECT_ERROR(sample(find_sampler("euler"), {.sigmas = falling, .denoise = field}, none), ErrorKind::InvalidRequest,
               "empty");
  for (const double eta : {-0.1, 1.1, std::nan("")})
    EXPECT_ERROR(sample(find_sampler("euler_a"), {.sigmas = falling, .denoise = field, .options = {.eta = eta}}, x),
                 ErrorKind::InvalidRequest, "eta");
}

}  // namespace
}  // namespace newbie
