// newbie train: an adapter, or the whole transformer, from a folder of pictures.
#include <memory>

#include "arguments.h"
#include "cache_file.h"
#include "commands/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/machine.h"
#include "core/printable.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "report/html.h"
#include "standard_streams.h"
#include "terminal.h"
#include "train/checkpoint.h"
#include "train_check.h"
#include "train_config.h"
#include "train_report.h"

namespace newbie {

namespace {

struct TrainArguments {
  std::string config;
  bool check = false, dry_run = false, report = false, keys = false;
  int threads = 0;
  Verbosity verbosity;
};

// A page that cannot be written must not end a run.
void write_report(const TrainOptions& options, Log& log) {
  try {
    write_train_report(options);
  } catch (const Error& e) {
    log.warn("no report: {}", e.message());
  }
}

class TrainTerminal final : public TrainObserver {
 public:
  TrainTerminal(Terminal& terminal, const TrainOptions& options) : terminal_(terminal), options_(options) {}

  void on_encode(std::string_view what, size_t done, size_t of) override {
    terminal_.on_work(fmt::format("encoding {}", what), static_cast<double>(done), static_cast<double>(of), {});
  }
  void on_resume(const std::filesystem::path& checkpoint, int64_t step) override {
    terminal_.tell(fmt::format("going on from {} (step {})\n", in_one_line(checkpoint.string()), step));
  }
  void on_step(const StepRow& row) override {
    seconds_ = seconds_ == 0 ? row.seconds : 0.9 * seconds_ + 0.1 * row.seconds;
    // Case 26: a scale that starts too high falls a few times; that is no divergence.
    const bool warming = !row.outcome.taken && row.outcome.scale > 1 && !taken_;
    taken_ = taken_ || row.outcome.taken;
    const std::string how = row.outcome.taken ? fmt::format("norm {:.3g}", row.outcome.norm)
                            : warming         ? "skipped: the loss scale is warming up"
                                              : fmt::format("skipped: {} is not finite", row.outcome.bad_name);
    terminal_.on_work(fmt::format("step {} loss {:.4f} (mean {:.4f}) lr {:.2e} scale {:g} {} {:.2f} s", row.step,
                                  row.loss, row.smoothed_loss, row.outcome.lr, row.outcome.scale, how, row.seconds),
                      static_cast<double>(row.step), static_cast<double>(row.steps),
                      seconds_ * static_cast<double>(row.steps - row.step));
  }
  void on_validation(int64_t step, double loss) override {
    terminal_.tell(fmt::format("step {}: validation loss {:.5f}\n", step, loss));
  }
  void on_checkpoint(const std::filesystem::path& path) override {
    terminal_.tell(fmt::format("saved {}\n", in_one_line(path.string())));
    write_report(options_, terminal_);
  }
  void on_sample(const std::filesystem::path& path) override {
    terminal_.tell(fmt::format("drew {}\n", in_one_line(path.string())));
  }

 private:
  Terminal& terminal_;
  const TrainOptions& options_;
  double seconds_ = 0;
  bool taken_ = false;
};

void check(const TrainOptions& options, bool with_page, Terminal& terminal) {
  const TrainPlan plan = plan_training(options, terminal);
  const double seconds = training_seconds(options, plan);
  std::string out = train_plan_text(options, plan, seconds);
  if (with_page) {
    std::error_code error;
    std::filesystem::create_directories(options.output, error);  // writing tells what is wrong
    const std::filesystem::path page = options.output / "check.html";
    write_page(page, train_check_page(options, plan, seconds));
    out += in_one_line(page.string()) + "\n";
  }
  print(out);
}

void run(const TrainArguments& args) {
  if (args.keys) return print(train_keys());
  if (args.config.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "newbie train config.toml; its keys: newbie train --keys",
                   "a configuration is missing");
  // Ranks beside the first are heard when something fails.
  const std::unique_ptr<Ranks> ranks = start_ranks();
  Terminal terminal(ranks->first() ? args.verbosity : Verbosity{.quiet = true});
  TrainOptions options = read_train_config(args.config, terminal);
  options.model = find_model(options.model);
  options.threads = args.threads > 0 ? args.threads : usable_cpus();
  options.samples.engine.threads = options.threads;
  options.samples.engine.kept_hashes = cache_file("hashes.json");
  if (args.check || args.dry_run) return check(options, args.check, terminal);
  if (args.report) return print(in_one_line(write_train_report(options).string()) + "\n");
  TrainTerminal observer(terminal, options);
  TrainResult result;
  try {
    result = run_training(options, terminal, observer, stop_on_signals(), ranks.get());
  } catch (const Error& e) {
    if (ranks->first()) write_report(options, terminal);
    if (ranks->size() > 1) {
      Terminal(Verbosity{}).warn("rank {}: {}", ranks->rank(), e.message());
      ranks->abandon();
    }
    throw;
  }
  if (!ranks->first()) return;
  terminal.clear_bar();
  write_report(options, terminal);
  std::string out =
      fmt::format("{} steps, {} skipped, mean loss {:.5f}\n", result.steps, result.skipped, result.smoothed_loss);
  if (result.best_step != 0)
    out += fmt::format("lowest validation loss {:.5f}: {}\n", result.best_validation,
                       in_one_line(checkpoint_path(options.output, result.best_step).string()));
  print(out + in_one_line(result.adapter.string()) + "\n");
  if (result.stopped) fail(ErrorKind::Cancelled, "stopped; run the same again to go on");
}

}  // namespace

Command add_train(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("train", "train an adapter, or the whole transformer, on pictures");
  const auto args = std::make_shared<TrainArguments>();
  parser.add_option("config", args->config, "a TOML file: our keys and those of the official trainer");
  parser.add_flag("--check", args->check,
                  "look at the data, say what the run will take, write output_dir/check.html, train nothing");
  parser.add_flag("--dry-run", args->dry_run, "the same, and write nothing");
  parser.add_flag("--report", args->report, "write output_dir/report.html anew from what a run left there, and stop");
  parser.add_flag("--keys", args->keys, "print the keys of the file, and stop");
  parser.add_option("--threads", args->threads, "how many (as many as the process may use)");
  parser.add_flag("-q,--quiet", args->verbosity.quiet, "tell nothing on the way");
  parser.add_flag("-v,--verbose", args->verbosity.verbose, "tell more on the way");
  parser.footer(
      R"(A run that was stopped, by Ctrl-C or by anything else, goes on when it is started again, and ends as if it had
not been stopped. What it makes is used by `newbie generate`.

Example:
  newbie train style.toml --check
  newbie train style.toml)");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
