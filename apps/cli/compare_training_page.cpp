#include "compare_training_page.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "report/html.h"
#include "report/style.h"
#include "report/svg_plot.h"
#include "units.h"

namespace newbie {

namespace {

double middle_of(std::vector<double> values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return std::nan("");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double seconds_per_step(const TrainingRow& row) {
  std::vector<double> all;
  for (const ComparedTraining& run : row.runs)
    for (const LoggedStep& s : run.log.steps) all.push_back(s.seconds);
  return middle_of(std::move(all));
}

size_t peak_memory(const TrainingRow& row) {
  size_t out = 0;
  for (const ComparedTraining& run : row.runs)
    for (const LoggedStep& s : run.log.steps) out = std::max(out, s.resident_bytes);
  return out;
}

// Mean over the seeds at every step, and from the least to the most of them as a band.
PlotSeries over_seeds(const TrainingRow& row, int colour, const auto& values_of_run) {
  std::map<int64_t, std::vector<double>> by_step;
  for (const ComparedTraining& run : row.runs)
    for (const auto& [step, value] : values_of_run(run))
      if (std::isfinite(value)) by_step[step].push_back(value);
  PlotSeries out{.name = row.name, .colour = colour % kSeriesColours};
  constexpr size_t kMost = 500;
  const size_t stride = std::max<size_t>(1, by_step.size() / kMost);
  size_t number = 0;
  for (const auto& [step, values] : by_step) {
    if (number++ % stride != 0) continue;
    double sum = 0;
    for (const double v : values) sum += v;
    out.x.push_back(static_cast<double>(step));
    out.y.push_back(sum / static_cast<double>(values.size()));
    if (row.runs.size() > 1) {
      out.low.push_back(std::ranges::min(values));
      out.high.push_back(std::ranges::max(values));
    }
  }
  return out;
}

using Points = std::vector<std::pair<int64_t, double>>;

Points of_steps(const ComparedTraining& run, const auto& value) {
  Points out;
  for (const LoggedStep& s : run.log.steps) out.emplace_back(s.step, value(s));
  return out;
}

Points skipped_so_far(const ComparedTraining& run) {
  Points out;
  double count = 0;
  for (const LoggedStep& s : run.log.steps) out.emplace_back(s.step, count += s.taken ? 0 : 1);
  return out;
}

std::string plot(const std::vector<TrainingRow>& rows, PlotAxis y, bool dots, const auto& values_of_run) {
  LinePlot out{.x = {.label = "step"}, .y = std::move(y)};
  int colour = 0;
  for (const TrainingRow& row : rows) {
    out.series.push_back(over_seeds(row, colour++, values_of_run));
    out.series.back().dots = dots;
  }
  return line_plot(out);
}

HtmlCell each_seed(const TrainingRow& row, const auto& text) {
  HtmlCell out;
  for (const ComparedTraining& run : row.runs) out.text += (out.text.empty() ? "" : ", ") + text(run);
  return out;
}

HtmlTable result_table(const std::vector<TrainingRow>& rows) {
  HtmlTable out{.columns = {"", "steps", "skipped", "last scale", "smoothed loss", "validation loss", "drift",
                            "seconds a step", "memory"},
                .caption =
                    "One number a seed. Drift: ‖θ − θ₁‖ / ‖θ₁ − start‖, θ₁ of the first row. Memory: planned for "
                    "training, and resident at most."};
  for (const TrainingRow& row : rows) {
    const auto number = [](double v) { return std::isfinite(v) ? fmt::format("{:.4g}", v) : std::string("–"); };
    std::vector<HtmlCell> cells{{.text = row.name}};
    cells.push_back(each_seed(row, [](const ComparedTraining& r) { return std::to_string(r.log.steps.size()); }));
    cells.push_back(each_seed(row, [](const ComparedTraining& r) { return std::to_string(r.skipped); }));
    cells.push_back(each_seed(row, [](const ComparedTraining& r) { return fmt::format("{:g}", r.last_scale); }));
    cells.push_back(each_seed(row, [&](const ComparedTraining& r) {
      return r.log.steps.empty() ? "–" : number(r.log.steps.back().smoothed_loss);
    }));
    cells.push_back(each_seed(row, [&](const ComparedTraining& r) {
      return r.log.validation.empty() ? "–" : number(r.log.validation.back().second);
    }));
    cells.push_back(each_seed(
        row, [&](const ComparedTraining& r) { return r.drift.empty() ? "–" : number(r.drift.back().second); }));
    cells.push_back({.text = number(seconds_per_step(row))});
    cells.push_back({.text = format_bytes(row.planned_bytes), .note = format_bytes(peak_memory(row)) + " resident"});
    if (std::ranges::any_of(row.runs, [](const ComparedTraining& r) { return !r.ended.empty(); }))
      cells.front().mark = Mark::Bad;
    out.rows.push_back(std::move(cells));
  }
  return out;
}

}  // namespace

std::string compare_training_page(const TrainOptions& o, const std::vector<TrainingRow>& rows) {
  HtmlPage page("Training in several precisions");
  const bool full = o.adapter.kind == TrainingKind::Full;  // it has no rank
  page.paragraph(
      fmt::format("{}{}, learning rate {:g}, {} samples a step; data, order, noise and times of a seed are the same in "
                  "every row.",
                  to_string(o.adapter.kind), full ? "" : fmt::format(", rank {}", o.adapter.rank), o.lr,
                  o.batch_size * o.accumulate));
  page.table(result_table(rows));
  for (const TrainingRow& row : rows)
    for (const ComparedTraining& run : row.runs)
      if (!run.ended.empty()) page.remark(Mark::Bad, fmt::format("{}, seed {}:", row.name, run.seed), run.ended);
  page.section("Curves");
  if (rows.front().runs.size() > 1)
    page.paragraph("Lines are means over the seeds; bands reach from the least to the most of them.");
  page.begin_figures();
  page.figure(
      "Smoothed loss",
      plot(rows, {.label = "loss"}, false,
           [](const ComparedTraining& r) { return of_steps(r, [](const LoggedStep& s) { return s.smoothed_loss; }); }),
      "");
  page.figure("Validation loss",
              plot(rows, {.label = "loss"}, true, [](const ComparedTraining& r) { return r.log.validation; }),
              "The same noise and times always.");
  page.figure("Drift from the first row",
              plot(rows, {.label = "‖θ − θ₁‖ / ‖θ₁ − start‖", .from_zero = true}, true,
                   [](const ComparedTraining& r) { return r.drift; }),
              "At checkpoints. 1: as far apart as the first row has gone.");
  page.figure("Skipped steps", plot(rows, {.label = "steps", .from_zero = true}, false, skipped_so_far),
              "Gradients were not finite.");
  page.figure("Loss scale",
              plot(rows, {.label = "scale", .logarithmic = true}, false,
                   [](const ComparedTraining& r) { return of_steps(r, [](const LoggedStep& s) { return s.scale; }); }),
              "1: losses are not scaled.");
  page.figure("Norm of the gradients",
              plot(rows, {.label = "norm", .logarithmic = true}, false,
                   [](const ComparedTraining& r) { return of_steps(r, [](const LoggedStep& s) { return s.norm; }); }),
              "Before clipping.");
  page.end_figures();
  return page.str();
}

OrderedJson compare_training_json(const std::vector<TrainingRow>& rows) {
  const auto number = [](double v) { return std::isfinite(v) ? OrderedJson(v) : OrderedJson(); };
  OrderedJson out = OrderedJson::array();
  for (const TrainingRow& row : rows) {
    OrderedJson runs = OrderedJson::array();
    for (const ComparedTraining& r : row.runs) {
      OrderedJson drift = OrderedJson::array(), validation = OrderedJson::array();
      for (const auto& [step, value] : r.drift) drift.push_back({{"step", step}, {"drift", number(value)}});
      for (const auto& [step, value] : r.log.validation)
        validation.push_back({{"step", step}, {"loss", number(value)}});
      runs.push_back({{"seed", r.seed},
                      {"steps", r.log.steps.size()},
                      {"skipped", r.skipped},
                      {"last_scale", r.last_scale},
                      {"smoothed_loss", r.log.steps.empty() ? OrderedJson() : number(r.log.steps.back().smoothed_loss)},
                      {"ended", r.ended.empty() ? OrderedJson() : OrderedJson(r.ended)},
                      {"validation", validation},
                      {"drift", drift}});
    }
    out.push_back({{"row", row.name},
                   {"planned_bytes", row.planned_bytes},
                   {"resident_bytes", peak_memory(row)},
                   {"seconds_per_step", number(seconds_per_step(row))},
                   {"runs", runs}});
  }
  return {{"version", NEWBIE_VERSION}, {"rows", out}};
}

}  // namespace newbie
