#include "compare/report.h"

#include <cmath>

#include "compare/table_file.h"
#include "evaluate_report.h"
#include "units.h"

namespace newbie {

namespace {

OrderedJson quantiles_json(const Quantiles& q) {
  return {
      {"n", q.n}, {"low_5", number_json(q.low)}, {"median", number_json(q.median)}, {"high_95", number_json(q.high)}};
}
OrderedJson quantiles_json(const std::optional<Quantiles>& q) { return q ? quantiles_json(*q) : OrderedJson(); }

OrderedJson distance_json(const char* metric, const std::optional<RowDistance>& d, const CompareReport& report,
                          const ScoreOptions& options) {
  if (!d) return nullptr;
  OrderedJson out =
      newbie::distance_json(fmt::format("{}[{}]", metric, report.extractor), d->distance,
                            {.resamples = options.distance_resamples, .splits = 10, .seed = options.seed});
  if (d->difference) {
    OrderedJson& difference = out["difference_to_f32"] = {{"value", d->difference->difference}};
    add_sureness(difference, d->difference->sureness);
    difference["excludes_zero"] = excludes_zero(d->difference->sureness);
  }
  return out;
}

OrderedJson pairs_json(const std::optional<PairSummary>& p) {
  if (!p) return nullptr;
  OrderedJson out{{"n", p->n},
                  {"identical", p->identical},
                  {"psnr",
                   {{"of_mean_squared_error", number_json(p->psnr_of_mean_error)},
                    {"quantiles_of_different", quantiles_json(p->psnr_quantiles)}}},
                  {"ssim", mean_json(p->ssim)},
                  {"share_beyond_2_levels", mean_json(p->share_beyond_2)}};
  out["ssim"]["worst"] = p->worst_ssim;
  out["psnr"]["pictures"] = OrderedJson::array();
  for (const double v : p->psnr) out["psnr"]["pictures"].push_back(number_json(std::round(v * 1000) / 1000));
  out["latents"] = OrderedJson::array();
  for (size_t i = 0; i < p->latent_error.size(); ++i)
    out["latents"].push_back({{"step", i + 1},
                              {"relative_error", quantiles_json(p->latent_error[i])},
                              {"median_cosine", number_json(p->latent_cosine[i])}});
  return out;
}

std::string range_text(const std::optional<Quantiles>& q, const char* unit) {
  if (!q) return "–";
  return fmt::format("{:.3g} {} ({:.3g} to {:.3g})", q->median, unit, q->low, q->high);
}

}  // namespace

std::string value_text(double value, const std::optional<Interval>& interval) {
  if (!interval) return fmt::format("{:.4g}", value);
  return fmt::format("{:.4g} [{:.4g}, {:.4g}]", value, interval->low, interval->high);
}

OrderedJson compare_json(const CompareReport& report, const CompareSettings& settings, const ScoreOptions& options) {
  OrderedJson out{{"device", report.device}, {"threads", report.threads}, {"pictures", settings.pictures.size()}};
  out["extractor"] = report.extractor;
  out["reference"] = options.reference ? OrderedJson(options.reference->filename().string()) : OrderedJson();
  out["confidence"] = 0.95;
  for (const auto& [dtype, rate] : report.peak_operations) out["peak_gflops"][dtype] = rate / 1e9;
  out["rows"] = OrderedJson::array();
  for (const RowReport& r : report.rows) {
    OrderedJson row{{"name", r.row.name},
                    {"preset", to_string(r.precision.preset)},
                    {"emulated", r.precision.emulated},
                    {"reasons", r.precision.reasons},
                    {"asked", r.asked},
                    {"drawn", r.drawn},
                    {"good", r.good}};
    row["problems"] = OrderedJson::array();
    for (const Problem& p : r.problems) row["problems"].push_back({{"words", p.words}, {"pictures", p.pictures}});
    row["seconds"] = quantiles_json(r.seconds);
    row["seconds_per_evaluation"] = quantiles_json(r.step_seconds);
    row["gflop"] = r.operations / 1e9;
    row["memory"] = {{"weights_bytes", r.largest.weights_bytes},
                     {"arena_bytes", r.largest.arena_bytes},
                     {"buffer_bytes", r.largest.buffer_bytes},
                     {"planned_allocated_bytes", r.largest.planned_allocated_bytes},
                     {"measured_allocated_bytes", r.largest.measured_allocated_bytes},
                     {"planned_peak_bytes", r.largest.planned_peak_bytes},
                     {"measured_peak_bytes", r.largest.measured_peak_bytes},
                     {"residency", r.largest.residency}};
    row["fid"] = distance_json("fid", r.fid, report, options);
    row["kid"] = distance_json("kid", r.kid, report, options);
    row["fid_to_f32"] = distance_json("fid", r.fid_f32, report, options);
    row["kid_to_f32"] = distance_json("kid", r.kid_f32, report, options);
    row["clip_score"] = r.clip ? clip_score_json(*r.clip) : OrderedJson();
    row["clip_difference_to_f32"] = r.clip_difference ? mean_json(*r.clip_difference) : OrderedJson();
    row["pairs"] = pairs_json(r.pairs);
    row["values"] = OrderedJson::array();
    for (const ValueSummary& v : r.values)
      row["values"].push_back({{"stage", v.stage},
                               {"evaluation", v.evaluation},
                               {"path", v.path},
                               {"relative_error", number_json(v.relative_error.median)},
                               {"least_cosine", number_json(v.least_cosine)}});
    out["rows"].push_back(std::move(row));
  }
  out["findings"] = findings_json(report.findings);
  return out;
}

std::string compare_text(const CompareReport& report) {
  std::string out = fmt::format("{}, {} {}; scores by {}\n", report.device, report.threads,
                                report.threads == 1 ? "thread" : "threads",
                                report.extractor.empty() ? "nothing: no extractor" : report.extractor);
  for (const RowReport& r : report.rows) {
    out += fmt::format("\n{}{}\n", r.row.name,
                       r.precision.emulated ? "  (emulated: values are those of f16, times are not)" : "");
    out += fmt::format("  good         {} of {}\n", r.good, r.asked);
    for (const Problem& p : r.problems) out += fmt::format("               {} times: {}\n", p.pictures, p.words);
    out += fmt::format("  time         {}\n", range_text(r.seconds, "s"));
    const PictureResult& m = r.largest;
    out += fmt::format("  memory       weights {}, arena {}, buffers {}; peak {} planned, {} measured\n",
                       format_bytes(m.weights_bytes), format_bytes(m.arena_bytes), format_bytes(m.buffer_bytes),
                       format_bytes(m.planned_peak_bytes), format_bytes(m.measured_peak_bytes));
    const auto distance = [&](const char* name, const std::optional<RowDistance>& d) {
      if (!d) return;
      out += fmt::format("  {:<13}{}, N = {} and {}, split-half {}", name,
                         value_text(d->distance.value, d->distance.sureness.interval), d->distance.rows_a,
                         d->distance.rows_b,
                         d->distance.split_half ? fmt::format("{:.4g}", d->distance.split_half->mean) : "–");
      if (d->distance.extrapolated) out += fmt::format(", to N = ∞ {:.4g}", *d->distance.extrapolated);
      if (d->distance.sureness.p_value) out += fmt::format(", p = {:.3g}", *d->distance.sureness.p_value);
      if (d->difference)
        out += fmt::format("; less f32's: {}", value_text(d->difference->difference, d->difference->sureness.interval));
      out += '\n';
    };
    distance("FID", r.fid);
    distance("KID", r.kid);
    distance("FID to f32", r.fid_f32);
    distance("KID to f32", r.kid_f32);
    if (r.clip)
      out += fmt::format("  CLIP cosine  {}, N = {}\n",
                         value_text(r.clip->cosine.mean, r.clip->cosine.sureness.interval), r.clip->cosine.n);
    if (r.clip_difference)
      out += fmt::format("               less f32's, paired: {}\n",
                         value_text(r.clip_difference->mean, r.clip_difference->sureness.interval));
    if (const auto& p = r.pairs) {
      out += fmt::format(
          "  to f32       PSNR {:.2f} dB median, {:.2f} of the mean error; SSIM {:.5f}, worst {:.4f}; {:.3f} % of "
          "pixels beyond 2/255; {} of {} identical\n",
          p->psnr_quantiles.median, p->psnr_of_mean_error, p->ssim.mean, p->worst_ssim, 100 * p->share_beyond_2.mean,
          p->identical, p->n);
      if (!p->latent_error.empty())
        out += fmt::format("  last latent  relative error {:.3g} median, 95 % below {:.3g}; cosine {:.7g}\n",
                           p->latent_error.back().median, p->latent_error.back().high, p->latent_cosine.back());
    }
  }
  if (!report.findings.empty()) out += "\nchecks\n" + findings_text(report.findings);
  return out;
}

}  // namespace newbie
