// The page of a comparison: the table, what it shows and what not, plots, and the pictures beside each other.
#include <algorithm>
#include <cmath>
#include <map>

#include "compare/report.h"
#include "evaluate/picture_set.h"
#include "report/html.h"
#include "report/svg_plot.h"
#include "units.h"

namespace newbie {

namespace {

constexpr int kGain = 32;  // of differences between pictures, to be seen at all

HtmlCell nothing() { return {.text = "–", .mark = Mark::Quiet}; }

std::string interval_note(const std::optional<Interval>& i, double factor = 1) {
  return i ? fmt::format("{:.4g} to {:.4g}", factor * i->low, factor * i->high) : std::string();
}

HtmlCell distance_cell(const std::optional<RowDistance>& d, double factor) {
  if (!d) return nothing();
  return {.text = fmt::format("{:.4g}", factor * d->distance.value),
          .note = interval_note(d->distance.sureness.interval, factor)};
}

HtmlCell memory_cell(const PictureResult& m) {
  HtmlCell out{.text = format_bytes(m.measured_peak_bytes),
               .note = fmt::format("planned {}", format_bytes(m.planned_peak_bytes))};
  if (m.measured_peak_bytes == 0) out.text = "not told";
  return out;
}

HtmlTable summary(const CompareReport& report) {
  HtmlTable out{.columns = {"", "good", "weights", "arena", "peak memory", "time a picture", "FID", "KID × 1000",
                            "CLIP cosine", "PSNR to f32"}};
  const bool has_reference = std::ranges::any_of(report.rows, [](const RowReport& r) { return r.fid.has_value(); });
  if (!has_reference) out.columns.erase(out.columns.begin() + 6, out.columns.begin() + 8);
  for (const RowReport& r : report.rows) {
    std::vector<HtmlCell> row;
    row.push_back({.text = r.row.name, .note = r.precision.emulated ? "emulated" : ""});
    row.push_back(
        {.text = fmt::format("{} of {}", r.good, r.asked), .mark = r.good == r.asked ? Mark::Good : Mark::Bad});
    row.push_back({.text = format_bytes(r.largest.weights_bytes)});
    row.push_back({.text = format_bytes(r.largest.arena_bytes)});
    row.push_back(memory_cell(r.largest));
    if (r.seconds)
      row.push_back({.text = fmt::format("{:.3g} s", r.seconds->median),
                     .note = fmt::format("{:.3g} to {:.3g} s", r.seconds->low, r.seconds->high)});
    else
      row.push_back(nothing());
    if (has_reference) {
      row.push_back(distance_cell(r.fid, 1));
      row.push_back(distance_cell(r.kid, 1000));
    }
    row.push_back(r.clip ? HtmlCell{.text = fmt::format("{:.4f}", r.clip->cosine.mean),
                                    .note = interval_note(r.clip->cosine.sureness.interval)}
                         : nothing());
    if (const auto& p = r.pairs)
      row.push_back({.text = p->identical == p->n ? "identical" : fmt::format("{:.1f} dB", p->psnr_quantiles.median),
                     .note = fmt::format("SSIM {:.4f}", p->ssim.mean)});
    else
      row.push_back(r.row.is_reference() ? HtmlCell{.text = "reference", .mark = Mark::Quiet} : nothing());
    out.rows.push_back(std::move(row));
  }
  return out;
}

Mark mark_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Impossible:
    case Verdict::Contradiction: return Mark::Bad;
    case Verdict::Difference: return Mark::Good;
    case Verdict::NoEvidence:
    case Verdict::Missing: return Mark::Quiet;
  }
  return Mark::Quiet;
}

void add_findings(HtmlPage& page, const CompareReport& report) {
  page.section("What the numbers say, and what they cannot");
  for (const RowReport& r : report.rows)
    for (const Problem& p : r.problems)
      page.remark(r.row.variant == RowVariant::Guard ? Mark::Quiet : Mark::Bad, r.row.name + ":",
                  fmt::format("in {} of {} pictures: {}", p.pictures, r.asked, p.words));
  HtmlTable table{.columns = {"", "of", "finding", ""}, .rows = {}};
  for (const TableFinding& f : report.findings)
    table.rows.push_back({{.text = f.row},
                          {.text = f.quantity},
                          {.text = std::string(to_string(f.verdict)), .mark = mark_of(f.verdict)},
                          {.text = f.words, .prose = true}});
  if (table.rows.empty())
    page.paragraph("Nothing to object to.");
  else
    page.table(table);
}

// Names of blocks in the order a picture meets them, at one evaluation.
std::string drift_by_block(const CompareReport& report, std::initializer_list<std::string_view> stages,
                           int evaluation) {
  LinePlot plot{.x = {.label = "block"}, .y = {.label = "relative error, median", .logarithmic = true}};
  std::map<std::string, double> place;
  for (size_t i = 0; i < report.rows.size(); ++i) {
    PlotSeries series{.name = report.rows[i].row.name, .colour = static_cast<int>(i), .dots = true};
    for (const std::string_view stage : stages)
      for (const ValueSummary& v : report.rows[i].values) {
        if (v.stage != stage || v.evaluation != evaluation) continue;
        const auto [it, fresh] = place.emplace(v.path, static_cast<double>(place.size()));
        if (fresh) plot.x.names.push_back(v.path.substr(v.path.find('.') + 1));
        series.x.push_back(it->second);
        series.y.push_back(v.relative_error.median);
      }
    if (!series.x.empty()) plot.series.push_back(std::move(series));
  }
  return plot.series.empty() ? std::string() : line_plot(plot);
}

std::string latent_plot(const CompareReport& report) {
  LinePlot plot{.x = {.label = "step"}, .y = {.label = "relative error of the latent", .logarithmic = true}};
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const auto& pairs = report.rows[i].pairs;
    if (!pairs || pairs->latent_error.empty()) continue;
    PlotSeries series{.name = report.rows[i].row.name, .colour = static_cast<int>(i)};
    for (size_t step = 0; step < pairs->latent_error.size(); ++step) {
      series.x.push_back(static_cast<double>(step + 1));
      series.y.push_back(pairs->latent_error[step].median);
      series.low.push_back(pairs->latent_error[step].low);
      series.high.push_back(pairs->latent_error[step].high);
    }
    plot.series.push_back(std::move(series));
  }
  return plot.series.empty() ? std::string() : line_plot(plot);
}

std::string psnr_plot(const CompareReport& report) {
  LinePlot plot{.x = {.label = "share of pictures, %"}, .y = {.label = "PSNR to f32 not above, dB"}};
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const auto& pairs = report.rows[i].pairs;
    if (!pairs) continue;
    std::vector<double> sorted = pairs->psnr;
    std::ranges::sort(sorted);
    PlotSeries series{.name = report.rows[i].row.name, .colour = static_cast<int>(i)};
    for (size_t k = 0; k < sorted.size(); ++k) {
      series.x.push_back(100.0 * static_cast<double>(k + 1) / static_cast<double>(sorted.size()));
      series.y.push_back(sorted[k]);
    }
    plot.series.push_back(std::move(series));
  }
  return plot.series.empty() ? std::string() : line_plot(plot);
}

using DistanceOfRow = std::optional<RowDistance> RowReport::*;

std::string distance_plot(const CompareReport& report, DistanceOfRow which, const char* label) {
  DotPlot plot{.x = {.label = label}};
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const auto& d = report.rows[i].*which;
    if (!d) continue;
    PlotDot dot{.name = report.rows[i].row.name, .value = d->distance.value, .colour = static_cast<int>(i)};
    if (const auto& interval = d->distance.sureness.interval) dot.low = interval->low, dot.high = interval->high;
    plot.dots.push_back(dot);
    if (!plot.guide && d->distance.split_half) plot.guide = PlotMark{d->distance.split_half->mean, "split half"};
  }
  return plot.dots.empty() ? std::string() : dot_plot(plot);
}

std::string difference_plot(const CompareReport& report, DistanceOfRow which, const char* label) {
  DotPlot plot{.x = {.label = label}, .dots = {}, .guide = PlotMark{0, "as f32"}};
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const auto& d = report.rows[i].*which;
    if (!d || !d->difference || !d->difference->sureness.interval) continue;
    const Interval& interval = *d->difference->sureness.interval;
    plot.dots.push_back({.name = report.rows[i].row.name,
                         .value = d->difference->difference,
                         .low = interval.low,
                         .high = interval.high,
                         .colour = static_cast<int>(i)});
  }
  return plot.dots.empty() ? std::string() : dot_plot(plot);
}

std::string clip_plot(const CompareReport& report) {
  DotPlot plot{.x = {.label = "cosine less that of f32, paired"}, .dots = {}, .guide = PlotMark{0, "as f32"}};
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const auto& d = report.rows[i].clip_difference;
    if (!d || !d->sureness.interval) continue;
    plot.dots.push_back({.name = report.rows[i].row.name,
                         .value = d->mean,
                         .low = d->sureness.interval->low,
                         .high = d->sureness.interval->high,
                         .colour = static_cast<int>(i)});
  }
  return plot.dots.empty() ? std::string() : dot_plot(plot);
}

std::string memory_plot(const CompareReport& report) {
  BarPlot plot{.x = {.label = "MiB"},
               .pieces = {"weights", "arena", "buffers", "program and libraries"},
               .tick_name = "measured",
               .bars = {}};
  for (const RowReport& r : report.rows) {
    const PictureResult& m = r.largest;
    if (m.planned_peak_bytes == 0) continue;
    const auto mib = [](size_t bytes) { return static_cast<double>(bytes) / kMebibyte; };
    const size_t running = m.weights_bytes + m.arena_bytes + m.buffer_bytes;
    PlotBar bar{.name = r.row.name,
                .pieces = {mib(m.weights_bytes), mib(m.arena_bytes), mib(m.buffer_bytes),
                           mib(m.planned_peak_bytes - std::min(m.planned_peak_bytes, running))}};
    if (m.measured_peak_bytes != 0) bar.tick = mib(m.measured_peak_bytes);
    plot.bars.push_back(std::move(bar));
  }
  return plot.bars.empty() ? std::string() : bar_plot(plot);
}

std::string time_plot(const CompareReport& report) {
  DotPlot plot{.x = {.label = "seconds a picture", .from_zero = true}};
  for (size_t i = 0; i < report.rows.size(); ++i)
    if (const auto& s = report.rows[i].seconds)
      plot.dots.push_back({.name = report.rows[i].row.name,
                           .value = s->median,
                           .low = s->low,
                           .high = s->high,
                           .colour = static_cast<int>(i)});
  return plot.dots.empty() ? std::string() : dot_plot(plot);
}

void add_plots(HtmlPage& page, const CompareReport& report) {
  const auto figure = [&](const char* title, const std::string& svg, const char* text) {
    if (!svg.empty()) page.figure(title, svg, text);
  };
  int last = 0;
  for (const RowReport& r : report.rows)
    for (const ValueSummary& v : r.values)
      if (v.stage == "denoise") last = std::max(last, v.evaluation);
  page.section("Drift from f32 at the same seed");
  page.begin_figures();
  figure("Latents, step by step", latent_plot(report), "Median of all pictures; the bands hold 90 % of them.");
  figure("Pictures", psnr_plot(report), "Sorted; pictures equal to f32's to the byte are not drawn.");
  figure("Text encoders", drift_by_block(report, {"gemma", "jina", "context"}, 0),
         "At the end of every block, before anything has added up.");
  figure("Denoiser, first step", drift_by_block(report, {"denoise"}, 1), "The same latent goes in.");
  if (last > 1)
    figure("Denoiser, last step", drift_by_block(report, {"denoise"}, last),
           "Each row's own latent goes in: what the steps before have added up is in it.");
  figure("Autoencoder", drift_by_block(report, {"decode"}, 0), "From each row's own latent to the picture.");
  page.end_figures();
  page.section("Sets of pictures");
  page.begin_figures();
  figure("FID to the reference", distance_plot(report, &RowReport::fid, "FID"),
         "With 95 % intervals. A distance near the split half's says nothing.");
  figure("FID less that of f32", difference_plot(report, &RowReport::fid, "difference of FID, paired"),
         "An interval that holds 0 is no evidence of a difference; the findings tell which would have been seen.");
  figure("KID to the reference", distance_plot(report, &RowReport::kid, "KID"), "Unbiased; below 0 is possible.");
  figure("KID less that of f32", difference_plot(report, &RowReport::kid, "difference of KID, paired"),
         "An interval that holds 0 is no evidence of a difference; the findings tell which would have been seen.");
  figure("FID to the f32 pictures", distance_plot(report, &RowReport::fid_f32, "FID"),
         "Other seeds (f32+seeds) tell how far apart two sets of one model are.");
  figure("CLIP score", clip_plot(report), "Cosine of picture and prompt, picture by picture.");
  page.end_figures();
  page.section("Memory and time");
  page.begin_figures();
  figure("Peak memory", memory_plot(report), "Bars: planned, at the largest stage. Line across: measured, resident.");
  figure("Time", time_plot(report),
         "Median and 90 % of the pictures, planning left out. Emulated f16 is not a time of f16.");
  page.end_figures();
}

Image difference(const Image& a, const Image& b) {
  Image out = a;
  for (size_t i = 0; i < out.pixels.size() && i < b.pixels.size(); ++i)
    out.pixels[i] = static_cast<uint8_t>(std::min(255, kGain * std::abs(int{a.pixels[i]} - int{b.pixels[i]})));
  return out;
}

void add_pictures(HtmlPage& page, const CompareSettings& settings, const CompareStore& store, size_t shown) {
  const size_t count = std::min(shown, settings.pictures.size());
  if (count == 0) return;
  page.section("Pictures");
  page.html(fmt::format(
      "<div class=\"pictures\"><input type=\"radio\" name=\"view\" id=\"view-pictures\" checked>"
      "<label for=\"view-pictures\">pictures</label>"
      "<input type=\"radio\" name=\"view\" id=\"view-differences\">"
      "<label for=\"view-differences\">differences from f32, {} times as strong</label>\n<div class=\"wide\"><table>"
      "<thead><tr><th scope=\"col\"></th>",
      kGain));
  for (const CompareRow& row : settings.rows) page.html("<th scope=\"col\">" + escape_html(row.name) + "</th>");
  page.html("</tr></thead><tbody>\n");
  for (size_t i = 0; i < count; ++i) {
    page.html(fmt::format("<tr><th scope=\"row\">{}<small>seed {}</small></th>", i + 1, settings.pictures[i].seed));
    std::optional<Image> reference;
    for (const CompareRow& row : settings.rows) {
      const std::string name = fmt::format("picture {} in {}", i + 1, row.name);
      const auto result = store.find(row, i);
      if (!result || !result->drawn) {
        page.html("<td class=\"bad\">none</td>");
        continue;
      }
      const Image picture = read_rgb(store.picture(row, i));
      page.html(result->good ? "<td>" : "<td class=\"bad\">");
      page.html("<div class=\"picture\">" + inline_picture(picture, name) + "</div>");
      if (row.is_reference())
        reference = picture;
      else if (reference && row.is_paired() && reference->pixels.size() == picture.pixels.size())
        page.html("<div class=\"difference\">" +
                  inline_picture(difference(picture, *reference), "difference of " + name) + "</div>");
      page.html(result->good ? "</td>" : "failed</td>");
    }
    page.html("</tr>\n");
  }
  page.html("</tbody></table></div></div>\n");
}

HtmlTable distances(const CompareReport& report) {
  HtmlTable out{
      .columns = {"", "to", "value", "95 % interval", "N → ∞", "test", "split half", "N", "less f32's, paired"}};
  const auto add = [&](const RowReport& r, const char* metric, const char* to, const std::optional<RowDistance>& d) {
    if (!d) return;
    const SetDistance& s = d->distance;
    std::vector<HtmlCell> row{{.text = r.row.name, .note = fmt::format("{}[{}]", metric, report.extractor)},
                              {.text = to}};
    row.push_back({.text = fmt::format("{:.5g}", s.value)});
    const std::optional<Interval>& i = s.sureness.interval;
    row.push_back(i ? HtmlCell{.text = fmt::format("{:.5g} to {:.5g}", i->low, i->high),
                               .note = s.extrapolated ? "of its expectation at this N" : ""}
                    : nothing());
    row.push_back(s.extrapolated ? HtmlCell{.text = fmt::format("{:.4g}", *s.extrapolated)} : nothing());
    row.push_back(s.sureness.p_value ? HtmlCell{.text = fmt::format("p = {:.3g}", *s.sureness.p_value)} : nothing());
    row.push_back(s.split_half
                      ? HtmlCell{.text = fmt::format("{:.4g} ± {:.2g}", s.split_half->mean, s.split_half->deviation),
                                 .note = fmt::format("halves of {}", s.half_rows)}
                      : nothing());
    row.push_back({.text = fmt::format("{} and {}", s.rows_a, s.rows_b), .note = s.gram ? "singular covariance" : ""});
    row.push_back(d->difference && d->difference->sureness.interval
                      ? HtmlCell{.text = fmt::format("{:+.3g}", d->difference->difference),
                                 .note = fmt::format("{:+.3g} to {:+.3g}", d->difference->sureness.interval->low,
                                                     d->difference->sureness.interval->high)}
                      : nothing());
    out.rows.push_back(std::move(row));
  };
  for (const RowReport& r : report.rows) {
    add(r, "fid", "reference", r.fid);
    add(r, "kid", "reference", r.kid);
    add(r, "fid", "f32", r.fid_f32);
    add(r, "kid", "f32", r.kid_f32);
  }
  return out;
}

}  // namespace

std::string compare_page(const CompareReport& report, const CompareSettings& settings, const CompareStore& store,
                         const PageOptions& options_of_page) {
  HtmlPage page("Precisions compared");
  const GenerateRequest& first = settings.pictures.front();
  std::string names;
  for (const CompareRow& row : settings.rows) names += (names.empty() ? "" : ", ") + row.name;
  page.paragraph(fmt::format(
      "{}: {} pictures a row, the same prompts and the same noise in each; {} steps of {}, guidance {}. {}, {} {}.",
      names, settings.pictures.size(), first.steps, first.sampler, first.cfg, report.device, report.threads,
      report.threads == 1 ? "thread" : "threads"));
  page.table(summary(report));
  page.paragraph(fmt::format(
      "good: finite on its whole way, and of more than one colour. Below FID, KID and CLIP cosine are their 95 % "
      "intervals (none of fewer than {} and {} pictures), FID's of what it is on average at this N; below the time, 5 "
      "% "
      "and 95 % of the pictures. FID and KID are of features of {}: values of other networks or another N must not be "
      "compared with them.",
      kFewestForDistance, kFewestForMean, report.extractor.empty() ? "no network" : report.extractor));
  add_findings(page, report);
  add_plots(page, report);
  add_pictures(page, settings, store, options_of_page.shown_pictures);
  if (const HtmlTable table = distances(report); !table.rows.empty()) {
    page.section("Distances");
    page.table(table);
  }
  page.section("Made by");
  page.code(options_of_page.command);
  return page.str();
}

}  // namespace newbie
