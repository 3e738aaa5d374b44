#include "evaluate_report.h"

namespace newbie {

std::string interval_text(const Sureness& sureness, size_t fewest) {
  if (!sureness.interval) return fmt::format("no interval (made of {} pictures and more)", fewest);
  return fmt::format("95 % {:.6g} to {:.6g}", sureness.interval->low, sureness.interval->high);
}

std::string verdict_text(const Sureness& s) {
  const std::string p = s.p_value ? fmt::format(", p = {:.3g}", *s.p_value) : std::string();
  if (excludes_zero(s)) return "a difference" + p;
  if (!s.detectable) return "no evidence of a difference, nor of there being none: too few pictures";
  return fmt::format("no evidence of a difference{}; one of {:.2g} would have been seen in 80 of 100 such studies", p,
                     *s.detectable);
}

std::string distance_text(const std::string& metric, const SetDistance& d, const DistanceOptions& options) {
  std::string out = fmt::format("{}  {:.6g}  {}{}\n", metric, d.value, interval_text(d.sureness, kFewestForDistance),
                                d.extrapolated ? ", of its expectation at this N" : "");
  out += fmt::format("  sets        N = {} and {}, features of {} numbers\n", d.rows_a, d.rows_b, d.dimension);
  if (d.extrapolated) out += fmt::format("  to N = ∞    {:.6g}, along 1/N from halves of both sets\n", *d.extrapolated);
  if (d.sureness.p_value) out += fmt::format("  test        {}\n", verdict_text(d.sureness));
  if (d.subset.subsets > 1)
    out += fmt::format("  subsets     {:.6g}: {} of {}, deviation {:.6g}\n", d.subset.over_subsets.mean,
                       d.subset.subsets, d.subset.rows, d.subset.over_subsets.deviation);
  if (d.split_half)
    out += fmt::format("  split-half  {:.6g} ± {:.6g}: halves of the second set, N = {} and {}, {} splits\n",
                       d.split_half->mean, d.split_half->deviation, d.half_rows, d.half_rows, options.splits);
  else
    out += "  split-half  none: the second set is too small, or --splits is 0\n";
  return out;
}

std::string clip_score_text(const ClipScore& s) {
  std::string out = fmt::format("  cosine       {:.6g} ± {:.2g} standard error  {}\n", s.cosine.mean,
                                s.cosine.sureness.standard_error, interval_text(s.cosine.sureness, kFewestForMean));
  out += fmt::format("  torchmetrics {:.6g}  max(0, 100 · mean)\n", s.torchmetrics);
  out += fmt::format("  clamped      {:.6g}  mean of max(100 · cosine, 0)\n", s.clamped);
  out += fmt::format("  CLIPScore    {:.6g}  2.5 · mean of max(cosine, 0)\n", s.clipscore);
  if (s.logits) out += fmt::format("  logits       {:.6g}  exp(logit scale) · mean\n", *s.logits);
  return out;
}

}  // namespace newbie
