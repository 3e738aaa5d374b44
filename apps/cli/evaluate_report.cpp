#include "evaluate_report.h"

#include <cmath>

namespace newbie {

OrderedJson number_json(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? OrderedJson() : OrderedJson(value > 0 ? "inf" : "-inf");
}

OrderedJson interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return OrderedJson::array({interval->low, interval->high});
}

std::string interval_text(const Sureness& sureness, size_t fewest) {
  if (!sureness.interval) return fmt::format("no interval (made of {} pictures and more)", fewest);
  return fmt::format("95 % {:.6g} to {:.6g}", sureness.interval->low, sureness.interval->high);
}

void add_sureness(OrderedJson& out, const Sureness& s) {
  out["standard_error"] = s.interval ? OrderedJson(s.standard_error) : OrderedJson();
  out["interval"] = interval_json(s.interval);
  out["detectable"] = s.detectable ? OrderedJson(*s.detectable) : OrderedJson();
  if (s.p_value) out["p_value"] = *s.p_value;
}

bool excludes_zero(const Sureness& s) {
  return s.p_value ? *s.p_value <= 0.05 : s.interval && !s.interval->contains(0);
}

std::string verdict_text(const Sureness& s) {
  const std::string p = s.p_value ? fmt::format(", p = {:.3g}", *s.p_value) : std::string();
  if (excludes_zero(s)) return "a difference" + p;
  if (!s.detectable) return "no evidence of a difference, nor of there being none: too few pictures";
  return fmt::format("no evidence of a difference{}; one of {:.2g} would have been seen in 80 of 100 such studies", p,
                     *s.detectable);
}

OrderedJson set_json(const PictureList& pictures, const ExtractedSet& set) {
  OrderedJson unreadable = OrderedJson::array();
  for (const Unreadable& one : set.unreadable) unreadable.push_back({{"file", one.file.string()}, {"why", one.why}});
  return {{"path", pictures.where.string()},
          {"n", set.files.size()},
          {"not_square", set.not_square},
          {"other_files", pictures.others},
          {"unreadable", unreadable}};
}

void warn_about(const PictureList& pictures, const ExtractedSet& set, Log& log) {
  const std::string where = pictures.where.string();
  if (pictures.others != 0) log.warn("{}: {} files are no pictures and are left out", where, pictures.others);
  if (!set.unreadable.empty())
    log.warn("{}: {} pictures cannot be read and are left out; the first: {}", where, set.unreadable.size(),
             set.unreadable.front().why);
}

OrderedJson distance_json(const std::string& metric, const SetDistance& d, const DistanceOptions& options) {
  OrderedJson out{{"metric", metric}, {"value", d.value}};
  add_sureness(out, d.sureness);
  out["confidence"] = 0.95;
  out["resamples"] = options.resamples;
  out["seed"] = options.seed;
  out["n_a"] = d.rows_a;
  out["n_b"] = d.rows_b;
  out["dimension"] = d.dimension;
  if (d.subset.subsets != 0)
    out["subsets"] = {{"count", d.subset.subsets},
                      {"rows", d.subset.rows},
                      {"mean", d.subset.over_subsets.mean},
                      {"deviation", d.subset.over_subsets.deviation}};
  if (d.extrapolated) {
    out["interval_of"] = fmt::format("the expectation at N = {} and {}", d.rows_a, d.rows_b);
    out["extrapolated"] = *d.extrapolated;
    out["form"] = d.gram ? "gram" : "covariance";
  }
  out["split_half"] = nullptr;
  if (d.split_half)
    out["split_half"] = {{"mean", d.split_half->mean},
                         {"deviation", d.split_half->deviation},
                         {"splits", options.splits},
                         {"rows", d.half_rows}};
  return out;
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

OrderedJson mean_json(const MeanEstimate& e) {
  OrderedJson out{{"n", e.n}, {"mean", e.mean}};
  add_sureness(out, e.sureness);
  if (e.n >= 2) out["standard_error"] = e.sureness.standard_error;
  return out;
}

OrderedJson clip_score_json(const ClipScore& s) {
  return {{"cosine", mean_json(s.cosine)},
          {"torchmetrics", s.torchmetrics},
          {"clamped", s.clamped},
          {"clipscore", s.clipscore},
          {"logits", s.logits ? OrderedJson(*s.logits) : OrderedJson()}};
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
