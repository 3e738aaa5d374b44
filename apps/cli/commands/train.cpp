// newbie train: an adapter, or the whole transformer, from a folder of pictures.
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/error.h"
#include "core/machine.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "standard_streams.h"
#include "terminal.h"
#include "train_config.h"
#include "units.h"

namespace newbie {

namespace {

struct TrainArguments {
  std::string config;
  bool check = false, dry_run = false, keys = false;
  int threads = 0;
  Verbosity verbosity;
};

class TrainTerminal final : public TrainObserver {
 public:
  explicit TrainTerminal(Terminal& terminal) : terminal_(terminal) {}

  void on_encode(std::string_view what, size_t done, size_t of) override {
    terminal_.on_work(fmt::format("encoding {}", what), static_cast<double>(done), static_cast<double>(of), {});
  }
  void on_resume(const std::filesystem::path& checkpoint, int64_t step) override {
    terminal_.tell(fmt::format("going on from {} (step {})\n", checkpoint.string(), step));
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
    terminal_.tell(fmt::format("saved {}\n", path.string()));
  }

 private:
  Terminal& terminal_;
  double seconds_ = 0;
  bool taken_ = false;
};

std::string plan_text(const TrainOptions& o, const TrainPlan& plan) {
  std::string out =
      fmt::format("{} pictures, {} samples an epoch\n", plan.dataset.examples.size(), plan.dataset.samples());
  for (size_t b = 0; b < plan.dataset.buckets.size(); ++b) {
    const PictureSize s = plan.dataset.buckets[b];
    const auto count = std::count_if(plan.dataset.examples.begin(), plan.dataset.examples.end(),
                                     [&](const Example& e) { return e.bucket == b; });
    if (count != 0) out += fmt::format("  {:>5} x {:<5} {:>6} pictures\n", s.width, s.height, count);
  }
  const auto [least, most] = std::minmax_element(plan.tokens.begin(), plan.tokens.end());
  out += fmt::format("captions of {} to {} tokens\n", *least, *most);
  for (const Features::Lost& lost : plan.lost)
    out += fmt::format("  {}: {} tokens are lost to {}: \"{}\"\n", lost.name, lost.tokens, lost.encoder, lost.words);
  for (const std::string& name : plan.dataset.without_caption) out += fmt::format("  {}: no caption\n", name);
  for (const auto& names : plan.dataset.equal) out += fmt::format("  equal pictures: {}\n", fmt::join(names, ", "));
  for (const auto& trouble : plan.dataset.broken)
    out += fmt::format("  left out: {}: {}\n", trouble.name, trouble.what);
  out += fmt::format("{}: {} numbers", to_string(o.adapter.kind), plan.parameters);
  if (!plan.adapter.modules.empty()) out += fmt::format(" beside {} matrices", plan.adapter.modules.size());
  out += "\n";
  for (const auto& [pattern, count] : plan.adapter.by_pattern) out += fmt::format("  {:<32} {:>5}\n", pattern, count);
  for (const std::string& reason : plan.reasons) out += reason + "\n";
  out += fmt::format("{} steps, {} an epoch\n", plan.steps, plan.steps_per_epoch);
  out += fmt::format("{:<28}{:>12}\n{:<28}{:>12}\n{:<28}{:>12}\n{:<28}{:>12}\n", "weights",
                     format_bytes(plan.weight_bytes), "a sample, there and back", format_bytes(plan.arena_bytes),
                     "parameters and states", format_bytes(plan.state_bytes), "together", format_bytes(plan.bytes()));
  return out;
}

void run(const TrainArguments& args) {
  if (args.keys) return print(train_keys());
  if (args.config.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "newbie train config.toml; its keys: newbie train --keys",
                   "a configuration is missing");
  Terminal terminal(args.verbosity);
  TrainOptions options = read_train_config(args.config, terminal);
  options.model = find_model(options.model);
  options.threads = args.threads > 0 ? args.threads : usable_cpus();
  if (args.check || args.dry_run) return print(plan_text(options, plan_training(options, terminal)));
  TrainTerminal observer(terminal);
  const TrainResult result = run_training(options, terminal, observer, stop_on_signals());
  terminal.clear_bar();
  print(fmt::format("{} steps, {} skipped, mean loss {:.5f}\n{}\n", result.steps, result.skipped, result.smoothed_loss,
                    result.adapter.string()));
  if (result.stopped) fail(ErrorKind::Cancelled, "stopped; run the same again to go on");
}

}  // namespace

Command add_train(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("train", "train an adapter, or the whole transformer, on pictures");
  const auto args = std::make_shared<TrainArguments>();
  parser.add_option("config", args->config, "a TOML file: our keys and those of the official trainer");
  parser.add_flag("--check", args->check, "look at the data, say what the run will take, train nothing");
  parser.add_flag("--dry-run", args->dry_run, "the same");
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
