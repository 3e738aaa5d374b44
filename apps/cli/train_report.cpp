#include "train_report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "core/files.h"
#include "image/picture_format.h"
#include "report/html.h"
#include "report/svg_plot.h"
#include "train/step_log.h"
#include "units.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMostPoints = 600;  // of a curve: neighbours are averaged
constexpr size_t kMostColumns = 8;   // of samples
constexpr size_t kTimeBins = 10;
constexpr size_t kMostPictureBytes = size_t{64} << 20;

PlotSeries curve(const LoggedRun& run, std::string name, int colour, const auto& value) {
  PlotSeries out{.name = std::move(name), .colour = colour};
  const size_t together = std::max<size_t>(1, (run.steps.size() + kMostPoints - 1) / kMostPoints);
  for (size_t first = 0; first < run.steps.size(); first += together) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = first; i < std::min(run.steps.size(), first + together); ++i)
      if (const double v = value(run.steps[i]); std::isfinite(v)) sum += v, ++count;
    if (count == 0) continue;
    out.x.push_back(static_cast<double>(run.steps[first].step));
    out.y.push_back(sum / static_cast<double>(count));
  }
  return out;
}

std::string step_plot(PlotAxis y, std::vector<PlotSeries> series) {
  return line_plot({.x = {.label = "step"}, .y = std::move(y), .series = std::move(series)});
}

std::string loss_plot(const LoggedRun& run) {
  std::vector<PlotSeries> series{curve(run, "each step", 7, [](const LoggedStep& s) { return s.loss; }),
                                 curve(run, "smoothed", 0, [](const LoggedStep& s) { return s.smoothed_loss; })};
  if (!run.validation.empty()) {
    PlotSeries validation{.name = "validation", .colour = 2, .dots = true};
    for (const auto& [step, loss] : run.validation) {
      validation.x.push_back(static_cast<double>(step));
      validation.y.push_back(loss);
    }
    series.push_back(std::move(validation));
  }
  return step_plot({.label = "loss"}, std::move(series));
}

// Mean loss of samples by their time, over a share of the run; the band is two standard errors.
PlotSeries by_time(const LoggedRun& run, std::string name, int colour, size_t first, size_t last) {
  std::vector<double> sums(kTimeBins), squares(kTimeBins), counts(kTimeBins);
  for (size_t i = first; i < last; ++i)
    for (size_t k = 0; k < std::min(run.steps[i].times.size(), run.steps[i].losses.size()); ++k) {
      const double time = run.steps[i].times[k], loss = run.steps[i].losses[k];
      if (!(time >= 0 && time <= 1) || !std::isfinite(loss)) continue;
      const size_t bin = std::min(kTimeBins - 1, static_cast<size_t>(time * kTimeBins));
      sums[bin] += loss;
      squares[bin] += loss * loss;
      counts[bin] += 1;
    }
  PlotSeries out{.name = std::move(name), .colour = colour, .dots = true};
  for (size_t bin = 0; bin < kTimeBins; ++bin) {
    if (counts[bin] == 0) continue;
    const double mean = sums[bin] / counts[bin];
    const double error = std::sqrt(std::max(0.0, squares[bin] / counts[bin] - mean * mean) / counts[bin]);
    out.x.push_back((static_cast<double>(bin) + 0.5) / kTimeBins);
    out.y.push_back(mean);
    out.low.push_back(mean - 2 * error);
    out.high.push_back(mean + 2 * error);
  }
  return out;
}

std::string time_plot(const LoggedRun& run) {
  const size_t n = run.steps.size(), part = std::max<size_t>(1, n / 4);
  return line_plot({.x = {.label = "time: 0 noise, 1 picture"},
                    .y = {.label = "loss", .from_zero = true},
                    .series = {by_time(run, "first quarter of the steps", 9, 0, part),
                               by_time(run, "last quarter", 0, n - part, n)}});
}

HtmlTable summary(const TrainOptions& o, const LoggedRun& run) {
  const LoggedStep& last = run.steps.back();
  const auto skipped = std::ranges::count(run.steps, false, &LoggedStep::taken);
  double seconds = 0;
  size_t memory = 0;
  for (const LoggedStep& s : run.steps) {
    seconds += s.seconds;
    memory = std::max(memory, s.resident_bytes);
  }
  HtmlTable out{.columns = {"", ""}};
  const auto row = [&](std::string name, std::string value, std::string note = {}) {
    out.rows.push_back({{.text = std::move(name)}, {.text = std::move(value), .note = std::move(note)}});
  };
  row("trained", std::string(to_string(o.adapter.kind)),
      o.adapter.kind == TrainingKind::Full ? "" : fmt::format("rank {}, alpha {:g}", o.adapter.rank, o.adapter.alpha));
  row("optimizer", std::string(to_string(o.optimizer.kind)), fmt::format("learning rate {:g} at most", o.lr));
  row("steps", std::to_string(last.step), fmt::format("of {} samples", o.batch_size * o.accumulate));
  row("skipped", std::to_string(skipped), skipped == 0 ? "" : "gradients were not finite");
  row("smoothed loss", fmt::format("{:.5f}", last.smoothed_loss));
  if (!run.validation.empty()) {
    const auto best = std::ranges::min_element(run.validation, {}, [](const auto& v) { return v.second; });
    row("validation loss", fmt::format("{:.5f}", run.validation.back().second),
        fmt::format("lowest {:.5f} at step {}", best->second, best->first));
  }
  row("time of the steps", fmt::format("{:.0f} s", seconds),
      fmt::format("{:.3g} s each", seconds / static_cast<double>(run.steps.size())));
  row("memory", format_bytes(memory), "resident, at most, after a step");
  return out;
}

// Samples by number and step.
std::map<size_t, std::map<int64_t, fs::path>> find_samples(const fs::path& output) {
  std::map<size_t, std::map<int64_t, fs::path>> out;
  std::error_code error;
  for (const fs::path& path : list_folder(output / "samples", error)) {
    const std::string name = path.stem().string();
    const size_t bar = name.find('_');
    int64_t step = 0;
    size_t number = 0;
    if (bar == std::string::npos || path.extension() != ".png") continue;
    const auto a = std::from_chars(name.data(), name.data() + bar, step);
    const auto b = std::from_chars(name.data() + bar + 1, name.data() + name.size(), number);
    if (a.ptr != name.data() + bar || b.ptr != name.data() + name.size() || b.ec != std::errc()) continue;
    out[number][step] = path;
  }
  return out;
}

// The first, the last and some between.
std::vector<int64_t> shown_steps(const std::map<size_t, std::map<int64_t, fs::path>>& samples) {
  std::vector<int64_t> all;
  for (const auto& [number, by_step] : samples)
    for (const auto& [step, path] : by_step) all.push_back(step);
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() <= kMostColumns) return all;
  std::vector<int64_t> out;
  for (size_t i = 0; i < kMostColumns; ++i) out.push_back(all[i * (all.size() - 1) / (kMostColumns - 1)]);
  return out;
}

std::string picture_cell(const fs::path& path) {
  try {
    const std::string bytes = read_file(path, kMostPictureBytes);
    return inline_picture(decode_picture(std::as_bytes(std::span(bytes)), path.string()).image,
                          path.filename().string());
  } catch (const Error& e) {
    return escape_html(e.message());
  }
}

void add_samples(HtmlPage& page, const TrainOptions& o) {
  const auto samples = find_samples(o.output);
  if (samples.empty()) return;
  page.section("Samples");
  const std::vector<int64_t> steps = shown_steps(samples);
  page.html("<div class=\"pictures\"><div class=\"wide\"><table><thead><tr><th scope=\"col\"></th>");
  for (const int64_t step : steps)
    page.html(step == 0 ? "<th scope=\"col\">before</th>" : fmt::format("<th scope=\"col\">step {}</th>", step));
  page.html("</tr></thead><tbody>\n");
  for (const auto& [number, by_step] : samples) {
    page.html(fmt::format("<tr><th scope=\"row\">{}</th>", number));
    for (const int64_t step : steps) {
      const auto at = by_step.find(step);
      page.html("<td>" + (at == by_step.end() ? std::string() : picture_cell(at->second)) + "</td>");
    }
    page.html("</tr>\n");
  }
  page.html("</tbody></table></div></div>\n");
  for (size_t i = 0; i < o.samples.requests.size(); ++i)
    page.code(fmt::format("{}: seed {}\n{}", i + 1, o.samples.requests[i].seed, o.samples.requests[i].prompt));
}

}  // namespace

std::string train_report(const TrainOptions& o) {
  const LoggedRun run = read_step_log(o.output);
  HtmlPage page("Training of " + o.name);
  if (run.steps.empty()) {
    page.paragraph("No step was made yet.");
    return page.str();
  }
  page.table(summary(o, run));
  page.section("Loss");
  page.begin_figures();
  page.figure("Loss", loss_plot(run),
              "The loss of single steps jumps with the times that were drawn. Validation has the same noise and times "
              "for a picture always.");
  page.figure("Loss by time", time_plot(run), "Means of single samples; bands are two standard errors.");
  page.end_figures();
  page.section("Steps");
  page.begin_figures();
  page.figure("Learning rate",
              step_plot({.label = "learning rate", .from_zero = true},
                        {curve(run, "learning rate", 0, [](const LoggedStep& s) { return s.lr; })}),
              "Steps that were skipped do not move it.");
  page.figure("Gradients",
              step_plot({.label = "norm", .logarithmic = true},
                        {curve(run, "norm", 0, [](const LoggedStep& s) { return s.norm; })}),
              "Of all trained gradients together, before clipping.");
  if (std::ranges::any_of(run.steps, [](const LoggedStep& s) { return s.scale != 1 || !s.taken; })) {
    PlotSeries skipped{.name = "skipped so far", .colour = 2};
    double count = 0;
    for (const LoggedStep& s : run.steps) {
      count += s.taken ? 0 : 1;
      skipped.x.push_back(static_cast<double>(s.step));
      skipped.y.push_back(count);
    }
    page.figure("Loss scale",
                step_plot({.label = "scale", .logarithmic = true},
                          {curve(run, "scale", 0, [](const LoggedStep& s) { return s.scale; })}),
                "Halved where gradients are not finite.");
    page.figure("Skipped steps", step_plot({.label = "steps", .from_zero = true}, {std::move(skipped)}),
                "A few at the start are the scale warming up.");
  }
  page.figure("Memory",
              step_plot({.label = "GiB", .from_zero = true},
                        {curve(run, "resident", 0,
                               [](const LoggedStep& s) { return static_cast<double>(s.resident_bytes) * 0x1p-30; })}),
              "Of the process, mapped files included.");
  page.figure("Time",
              step_plot({.label = "seconds", .from_zero = true},
                        {curve(run, "of a step", 0, [](const LoggedStep& s) { return s.seconds; })}),
              "");
  page.end_figures();
  add_samples(page, o);
  return page.str();
}

fs::path write_train_report(const TrainOptions& o) {
  const fs::path path = o.output / "report.html";
  write_page(path, train_report(o));
  return path;
}

}  // namespace newbie
