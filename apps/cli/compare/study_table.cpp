#include "compare/study_table.h"

#include "compare/report.h"

namespace newbie {

namespace {

constexpr double kMiB = 0x1p20;

double success_of(const RowReport& r) {
  return r.asked == 0 ? 0 : 100.0 * static_cast<double>(r.good) / static_cast<double>(r.asked);
}

std::string distance_cell(const std::optional<RowDistance>& d) {
  return d ? value_text(d->distance.value, d->distance.sureness.interval) : "–";
}

std::string bounds(const std::optional<Interval>& interval) {
  return interval ? fmt::format("{:.6g},{:.6g}", interval->low, interval->high) : ",";
}
std::string distance_columns(const std::optional<RowDistance>& d) {
  return d ? fmt::format("{:.6g},{}", d->distance.value, bounds(d->distance.sureness.interval)) : ",,";
}

}  // namespace

std::string compare_markdown(const CompareReport& report) {
  std::string out = "| Precision | Memory, MiB | Time, s | FID | CLIP score | Success |\n|---|---|---|---|---|---|\n";
  for (const RowReport& r : report.rows)
    out += fmt::format(
        "| {}{} | {:.0f} | {} | {} | {} | {:.1f} % of {} |\n", r.row.name, r.precision.emulated ? " (emulated)" : "",
        static_cast<double>(r.largest.measured_peak_bytes) / kMiB,
        r.seconds ? fmt::format("{:.3g}", r.seconds->median) : "–", distance_cell(r.fid),
        r.clip ? value_text(r.clip->cosine.mean, r.clip->cosine.sureness.interval) : "–", success_of(r), r.asked);
  return out;
}

std::string compare_csv(const CompareReport& report) {
  std::string out =
      "precision,emulated,memory_mib,time_s,time_s_low_5,time_s_high_95,fid,fid_low,fid_high,clip_score,"
      "clip_score_low,clip_score_high,success_percent,pictures\n";
  for (const RowReport& r : report.rows)
    out += fmt::format(
        "{},{},{:.1f},{},{},{},{:.4g},{}\n", r.row.name, r.precision.emulated ? 1 : 0,
        static_cast<double>(r.largest.measured_peak_bytes) / kMiB,
        r.seconds ? fmt::format("{:.4g},{:.4g},{:.4g}", r.seconds->median, r.seconds->low, r.seconds->high) : ",,",
        distance_columns(r.fid),
        r.clip ? fmt::format("{:.6g},{}", r.clip->cosine.mean, bounds(r.clip->cosine.sureness.interval)) : ",,",
        success_of(r), r.asked);
  return out;
}

}  // namespace newbie
