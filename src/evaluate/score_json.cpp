#include "evaluate/score_json.h"

#include <cmath>

namespace newbie {

namespace {

OrderedJson interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return OrderedJson::array({interval->low, interval->high});
}

}  // namespace

OrderedJson number_json(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? OrderedJson() : OrderedJson(value > 0 ? "inf" : "-inf");
}

void add_sureness(OrderedJson& out, const Sureness& s) {
  out["standard_error"] = s.interval || s.p_value ? OrderedJson(s.standard_error) : OrderedJson();
  out["interval"] = interval_json(s.interval);
  out["detectable"] = s.detectable ? OrderedJson(*s.detectable) : OrderedJson();
  if (s.p_value) out["p_value"] = *s.p_value;
}

bool excludes_zero(const Sureness& s) {
  return s.p_value ? *s.p_value <= 0.05 : s.interval && !s.interval->contains(0);
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
    if (d.sureness.interval) out["interval_of"] = fmt::format("the expectation at N = {} and {}", d.rows_a, d.rows_b);
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

}  // namespace newbie
