// newbie compare-training: one training run in several precisions, from one seed or several, and what they came to.
#include <algorithm>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "compare_training_page.h"
#include "core/files.h"
#include "core/machine.h"
#include "core/printable.h"
#include "file_roles.h"
#include "flags.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "report/html.h"
#include "standard_streams.h"
#include "terminal.h"
#include "train/checkpoint.h"
#include "train/drift.h"
#include "train_config.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

struct CompareTrainingArguments {
  std::string config, rows = "f32,bf16,f16+scaler,f16", output = "compare-training";
  int seeds = 1, threads = 0;
  ReportArguments report;
};

struct RowKind {
  std::string_view name;
  PrecisionPreset precision;
  ScalerChoice scaler;
};
constexpr RowKind kRowKinds[] = {{"f32", PrecisionPreset::F32, ScalerChoice::Off},
                                 {"bf16", PrecisionPreset::BF16, ScalerChoice::Off},
                                 {"bf16+scaler", PrecisionPreset::BF16, ScalerChoice::On},
                                 {"f16+scaler", PrecisionPreset::F16, ScalerChoice::On},
                                 {"f16", PrecisionPreset::F16, ScalerChoice::Off}};

std::string row_names() {
  std::string out;
  for (const RowKind& kind : kRowKinds) out.append(out.empty() ? "" : ", ").append(kind.name);
  return out;
}

std::vector<RowKind> rows_of(const std::string& list) {
  std::vector<RowKind> out;
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    const std::string_view name = std::string_view(list).substr(at, end - at);
    const auto kind = std::ranges::find(kRowKinds, name, &RowKind::name);
    if (kind == std::end(kRowKinds))
      fail_with_hint(ErrorKind::InvalidRequest, "rows: " + row_names(), "--rows: no row \"{}\"", name);
    out.push_back(*kind);
    at = end + 1;
  }
  return out;
}

class Progress final : public TrainObserver {
 public:
  Progress(Terminal& terminal, std::string name) : terminal_(terminal), name_(std::move(name)) {}
  void on_encode(std::string_view what, size_t done, size_t of) override {
    terminal_.on_work(fmt::format("encoding {}", what), static_cast<double>(done), static_cast<double>(of), {});
  }
  void on_step(const StepRow& row) override {
    seconds_ = seconds_ == 0 ? row.seconds : 0.9 * seconds_ + 0.1 * row.seconds;
    terminal_.on_work(fmt::format("{}: step {} mean loss {:.4f}", name_, row.step, row.smoothed_loss),
                      static_cast<double>(row.step), static_cast<double>(row.steps),
                      seconds_ * static_cast<double>(row.steps - row.step));
  }
  void on_resume(const fs::path&, int64_t) override {}
  void on_validation(int64_t, double) override {}
  void on_checkpoint(const fs::path&) override {}
  void on_sample(const fs::path&) override {}

 private:
  Terminal& terminal_;
  std::string name_;
  double seconds_ = 0;
};

// Checkpoints of both runs, by step, held against each other.
std::vector<std::pair<int64_t, double>> drift_from(const fs::path& run, const fs::path& first) {
  std::vector<std::pair<int64_t, double>> out;
  const std::vector<CheckpointPlace> there = list_checkpoints(first);
  for (const CheckpointPlace& c : list_checkpoints(run)) {
    if (c.step == 0 || std::ranges::find(there, c.step, &CheckpointPlace::step) == there.end()) continue;
    out.emplace_back(c.step, parameter_drift(c.path, checkpoint_path(first, c.step), checkpoint_path(first, 0)));
  }
  std::ranges::reverse(out);
  return out;
}

void run(const CLI::App& parser, const CompareTrainingArguments& args) {
  if (args.config.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "newbie compare-training style.toml", "a configuration is missing");
  Terminal terminal(args.report.verbosity);
  TrainOptions base = read_train_config(args.config, terminal);
  base.model = find_model(base.model);
  base.threads = args.threads > 0 ? args.threads : usable_cpus();
  const fs::path folder = args.output;
  if (!base.cache) base.cache = folder / "cache";
  base.samples = {};
  base.save_start = true;
  base.keep = 1'000'000;
  // All rows learn from the same features.
  if (base.encoder_precision.preset == PrecisionPreset::Auto) base.encoder_precision = PrecisionPreset::F32;

  const std::vector<RowKind> kinds = rows_of(args.rows);
  const StopToken stop = stop_on_signals();
  std::vector<TrainingRow> rows;
  for (const RowKind& kind : kinds) rows.push_back({.name = std::string(kind.name)});
  const auto place = [&](size_t row, int seed) { return folder / fmt::format("{}_{}", rows[row].name, seed); };
  FileRoles roles(parser, {"--output"}, terminal);
  std::error_code ignored;
  const bool goes_on = fs::exists(place(0, 0), ignored);
  for (const fs::path& file : {folder / "report.html", folder / "report.json"})
    goes_on ? roles.takes("the report", file) : roles.writes("the report", file);
  for (int seed = 0; seed < args.seeds; ++seed)
    for (size_t i = 0; i < rows.size(); ++i) {
      TrainOptions o = base;
      o.precision = kinds[i].precision;
      o.scaler = kinds[i].scaler;
      o.seed = base.seed + static_cast<uint64_t>(seed);
      o.output = place(i, seed);
      if (seed == 0) rows[i].planned_bytes = plan_training(o, silent_log()).bytes();
      ComparedTraining done{.seed = o.seed};
      Progress progress(terminal, fmt::format("{}, seed {}", rows[i].name, o.seed));
      release_free_heap();
      try {
        if (run_training(o, terminal, progress, stop).stopped)
          fail(ErrorKind::Cancelled, "stopped; run the same again to go on");
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::Internal) throw;  // it diverged: that is a result
        done.ended = e.message();
      }
      done.log = read_step_log(o.output);
      done.skipped = std::ranges::count(done.log.steps, false, &LoggedStep::taken);
      if (!done.log.steps.empty()) done.last_scale = static_cast<float>(done.log.steps.back().scale);
      if (i != 0) done.drift = drift_from(o.output, place(0, seed));
      rows[i].runs.push_back(std::move(done));
    }
  terminal.clear_bar();
  const fs::path page = folder / "report.html";
  write_page(page, compare_training_page(base, rows));
  const OrderedJson json = compare_training_json(rows);
  write_file_atomically(folder / "report.json", json.dump(1) + "\n");
  if (args.report.json) return print_json(json);
  std::string out = fmt::format("{:<14}{:>8}{:>9}{:>14}{:>16}{:>10}\n", "row", "steps", "skipped", "smoothed loss",
                                "validation", "drift");
  for (const TrainingRow& row : rows)
    for (const ComparedTraining& r : row.runs)
      out += fmt::format("{:<14}{:>8}{:>9}{:>14.5f}{:>16}{:>10}{}\n", row.name, r.log.steps.size(), r.skipped,
                         r.log.steps.empty() ? 0.0 : r.log.steps.back().smoothed_loss,
                         r.log.validation.empty() ? "–" : fmt::format("{:.5f}", r.log.validation.back().second),
                         r.drift.empty() ? "" : fmt::format("{:.4f}", r.drift.back().second),
                         r.ended.empty() ? "" : "  stopped");
  print(out + in_one_line(page.string()) + "\n");
}

}  // namespace

Command add_compare_training(CLI::App& program) {
  CLI::App& parser =
      *program.add_subcommand("compare-training", "one training run in several precisions, side by side");
  const auto args = std::make_shared<CompareTrainingArguments>();
  parser.add_option("config", args->config, "a file of newbie train; its precision and scaler are the rows'")
      ->type_name("FILE");
  Flags flags(parser, "Comparison");
  flags.text("--rows", args->rows, "LIST",
             fmt::format("of {} (default: {}); drift is from the first", row_names(), args->rows));
  flags.integer("--seeds", args->seeds, "runs of each row, from the file's seed on (default: 1)", 1, 100);
  flags.integer("-t,--threads", args->threads, "threads (default: every CPU this process may use)", 1, 1024);
  flags.text("-o,--output", args->output, "DIR", fmt::format("(default: {})", args->output));
  add_report_flags(parser, args->report);
  parser.footer(R"(DIR gets report.html, report.json and a folder of each run; what was interrupted goes on.

Example:
  newbie compare-training style.toml --seeds 3 -o precisions)");
  return {&parser, [&parser, args] { run(parser, *args); }};
}

}  // namespace newbie
