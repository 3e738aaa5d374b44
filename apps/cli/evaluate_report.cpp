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

std::string interval_text(const std::optional<Interval>& interval, size_t resamples) {
  if (!interval) return "no interval";
  return fmt::format("95 % {:.6g} to {:.6g} ({} resamples)", interval->low, interval->high, resamples);
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
  OrderedJson out{{"metric", metric},
                  {"value", d.value},
                  {"interval", interval_json(d.interval)},
                  {"confidence", 0.95},
                  {"resamples", options.resamples},
                  {"seed", options.seed},
                  {"resampled_bias", d.interval ? OrderedJson(d.resampled_bias) : OrderedJson()},
                  {"n_a", d.rows_a},
                  {"n_b", d.rows_b},
                  {"dimension", d.dimension}};
  if (d.subset.subsets != 0)
    out["subsets"] = {
        {"count", d.subset.subsets}, {"rows", d.subset.rows}, {"deviation", d.subset.over_subsets.deviation}};
  else
    out["form"] = d.gram ? "gram" : "covariance";
  out["split_half"] = nullptr;
  if (d.split_half)
    out["split_half"] = {{"mean", d.split_half->mean},
                         {"deviation", d.split_half->deviation},
                         {"splits", options.splits},
                         {"rows", d.half_rows}};
  return out;
}

std::string distance_text(const std::string& metric, const SetDistance& d, const DistanceOptions& options) {
  std::string out = fmt::format("{}  {:.6g}  {}\n", metric, d.value, interval_text(d.interval, options.resamples));
  out += fmt::format("  sets        N = {} and {}, features of {} numbers\n", d.rows_a, d.rows_b, d.dimension);
  if (d.subset.subsets > 1)
    out += fmt::format("  subsets     {} of {}, deviation {:.6g}\n", d.subset.subsets, d.subset.rows,
                       d.subset.over_subsets.deviation);
  if (d.split_half)
    out += fmt::format("  split-half  {:.6g} ± {:.6g}: halves of the second set, N = {} and {}, {} splits\n",
                       d.split_half->mean, d.split_half->deviation, d.half_rows, d.half_rows, options.splits);
  else
    out += "  split-half  none: the second set is too small, or --splits is 0\n";
  return out;
}

OrderedJson mean_json(const MeanEstimate& e) {
  return {{"n", e.n}, {"mean", e.mean}, {"standard_error", e.standard_error}, {"interval", interval_json(e.interval)}};
}

OrderedJson clip_score_json(const ClipScore& s) {
  return {{"cosine", mean_json(s.cosine)},
          {"torchmetrics", s.torchmetrics},
          {"clamped", s.clamped},
          {"clipscore", s.clipscore},
          {"logits", s.logits ? OrderedJson(*s.logits) : OrderedJson()}};
}

std::string clip_score_text(const ClipScore& s, size_t resamples) {
  std::string out = fmt::format("  cosine       {:.6g} ± {:.2g} standard error  {}\n", s.cosine.mean,
                                s.cosine.standard_error, interval_text(s.cosine.interval, resamples));
  out += fmt::format("  torchmetrics {:.6g}  max(0, 100 · mean)\n", s.torchmetrics);
  out += fmt::format("  clamped      {:.6g}  mean of max(100 · cosine, 0)\n", s.clamped);
  out += fmt::format("  CLIPScore    {:.6g}  2.5 · mean of max(cosine, 0)\n", s.clipscore);
  if (s.logits) out += fmt::format("  logits       {:.6g}  exp(logit scale) · mean\n", *s.logits);
  return out;
}

}  // namespace newbie
