// newbie dev coverage: whether intervals and tests of newbie evaluate keep what they say, by simulation on real
// pictures.
#include <algorithm>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "commands/dev.h"
#include "core/machine.h"
#include "evaluate/clip_score.h"
#include "evaluate/coverage.h"
#include "evaluate/picture_set.h"
#include "flags.h"
#include "generate/find_model.h"
#include "image/resize.h"
#include "interrupt.h"
#include "standard_streams.h"
#include "watch_on.h"

namespace newbie {

namespace {

struct SimulationArguments {
  std::string pictures, captions;
  ModelPaths model;
  CoverageOptions options;
  int threads = 0;
  ReportArguments report;
};

// Half as large, and back: what a coarser number format might do to a picture, and more.
Image coarsened(const Image& image) {
  return resize_bicubic(resize_bicubic(image, std::max(1, image.width / 2), std::max(1, image.height / 2)), image.width,
                        image.height);
}

Population population_of(const SimulationArguments& args, Runtime& runtime, Terminal& terminal, StopToken stop) {
  JinaExtractor jina(runtime, find_clip_model(args.model), terminal);
  const CaptionedSet set = extract_captioned(list_pictures(args.pictures), read_captions(args.captions, ""), jina,
                                             watch_on(terminal, stop, "features"));
  Population out{.pictures = set.images.features,
                 .changed = {.columns = jina.dimension(), .values = {}},
                 .scores = row_cosines(set.images.features, set.texts),
                 .changed_scores = {}};
  std::vector<float> one(jina.dimension());
  for (const auto& file : set.images.files) {
    jina.extract(coarsened(read_rgb(file)), one, stop);
    out.changed.values.insert(out.changed.values.end(), one.begin(), one.end());
  }
  out.changed_scores = row_cosines(out.changed, set.texts);
  return out;
}

std::string table_of(const std::vector<CoverageRow>& rows) {
  std::string out =
      "| Estimate | N | truth | deviation of estimates | covered | lies above it | lies below it | found |\n"
      "|---|---|---|---|---|---|---|---|\n";
  const auto percent = [](std::optional<double> share) {
    return share ? fmt::format("{:.1f} %", 100 * *share) : std::string("–");
  };
  for (const CoverageRow& r : rows) {
    const auto interval = [&](double CoverageRow::Intervals::*of) {
      return percent(r.intervals ? std::optional((*r.intervals).*of) : std::nullopt);
    };
    using Intervals = CoverageRow::Intervals;
    out += fmt::format("| {} | {} | {:.4g} | {:.2g} | {} | {} | {} | {} |\n", r.what, r.n, r.truth, r.deviation,
                       interval(&Intervals::covered), interval(&Intervals::below), interval(&Intervals::above),
                       percent(r.found));
  }
  return out;
}

void simulate(const SimulationArguments& args) {
  Terminal terminal(args.report.verbosity);
  const StopToken stop = stop_on_signals();
  Runtime runtime = evaluation_runtime(args.threads > 0 ? args.threads : usable_cpus());
  const Population population = population_of(args, runtime, terminal, stop);
  terminal.clear_bar();
  const std::vector<CoverageRow> rows =
      simulate_coverage(population, args.options, runtime.pool, watch_on(terminal, stop, "simulations"));
  terminal.clear_bar();
  if (!args.report.json) return print(table_of(rows));
  OrderedJson json = OrderedJson::array();
  for (const CoverageRow& r : rows) {
    const auto number = [](std::optional<double> x) { return x ? OrderedJson(*x) : OrderedJson(); };
    const auto& i = r.intervals;
    json.push_back({{"what", r.what},
                    {"n", r.n},
                    {"repetitions", r.repetitions},
                    {"truth", r.truth},
                    {"deviation", r.deviation},
                    {"covered", number(i ? std::optional(i->covered) : std::nullopt)},
                    {"above_truth", number(i ? std::optional(i->below) : std::nullopt)},
                    {"below_truth", number(i ? std::optional(i->above) : std::nullopt)},
                    {"found", number(r.found)}});
  }
  print_json(json);
}

}  // namespace

Command add_dev_coverage(CLI::App& program) {
  CLI::App& parser = *dev_command(program).add_subcommand(
      "coverage", "how often the intervals and tests of newbie evaluate are right, by simulation");
  const auto args = std::make_shared<SimulationArguments>();
  SimulationArguments& a = *args;
  parser.add_option("PICTURES", a.pictures, "the population: a folder")->required()->type_name("DIR")->group("Folders");
  Flags work(parser, "Simulation");
  work.text("--captions", a.captions, "FILE.jsonl", "as newbie evaluate clip-score takes them")->required();
  work.integer("--repetitions", a.options.repetitions, "of each estimate (default: 400)", 1, 1000000);
  work.integer("--frechet-repetitions", a.options.frechet_repetitions, "of those that take long (default: the same)", 0,
               1000000);
  work.integer("--bootstrap", a.options.resamples, "resamples of each interval (default: 300)", 1, 1000000);
  work.integer("--seed", a.options.seed, "(default: 0)", 0);
  work.integer("-t,--threads", a.threads, "threads (default: every CPU this process may use)", 1, 1024);
  Flags model(parser, "Model");
  model.text("-m,--model", a.model.folder, "DIR", "whose Jina CLIP it is (default: as newbie generate)");
  add_report_flags(parser, a.report);
  parser.footer("Takes minutes. docs/evaluate.md has its table.");
  return {&parser, [args] { simulate(*args); }};
}

}  // namespace newbie
