// newbie dev synthesize: a full-size model with made-up weights.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "commands/dev.h"
#include "core/printable.h"
#include "flags.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "measure/synthesize.h"
#include "standard_streams.h"
#include "terminal.h"
#include "units.h"

namespace newbie {

namespace {

enum class Configuration { NewBie3_5B };

struct SynthesizeArguments {
  Configuration configuration = Configuration::NewBie3_5B;
  std::string folder;
  MadeUp weights = MadeUp::Values;
  ModelPaths tokenizers;
  ReportArguments report;
};

void run(const SynthesizeArguments& args) {
  Terminal terminal(args.report.verbosity);
  const ModelPaths model = find_model(args.tokenizers);
  std::filesystem::path current;
  int told = -1;
  const std::vector<SynthesizedFile> files = synthesize_model(
      args.folder, model.folder, args.weights,
      [&](const SynthesisProgress& p) {
        if (p.file != current) {
          current = p.file;
          terminal.stage(p.kept ? p.file.string() + " is there" : p.file.string());
        }
        const auto percent = static_cast<int>(100 * (static_cast<double>(p.bytes_done) / static_cast<double>(p.bytes)));
        if (percent == told) return;
        told = percent;
        terminal.step({.done = percent, .all = 100});
      },
      stop_on_signals());
  terminal.clear_bar();
  if (args.report.json) {
    OrderedJson list = OrderedJson::array();
    for (const SynthesizedFile& file : files) list.push_back({{"path", file.path.string()}, {"bytes", file.bytes}});
    return print_json({{"files", list}});
  }
  if (args.report.verbosity.quiet) return;
  for (const SynthesizedFile& file : files)
    print(fmt::format("{:>12}  {}\n", format_bytes(file.bytes), in_one_line(file.path.string())));
  print(args.weights == MadeUp::Shapes ? "There are no weights: for `newbie plan`.\n"
                                       : "The weights are made up: pictures drawn with them are noise.\n");
}

}  // namespace

Command add_dev_synthesize(CLI::App& program) {
  CLI::App& parser =
      *dev_command(program).add_subcommand("synthesize", "write a full-size model with made-up weights, 16 GB");
  const auto args = std::make_shared<SynthesizeArguments>();
  Flags flags(parser, "Model");
  flags.choice<Configuration>("--config", args->configuration, {{"newbie-3.5b", Configuration::NewBie3_5B}},
                              "which model's shapes (default: newbie-3.5b)");
  flags.text("OUT", args->folder, "DIR", "where it goes; files that are there and whole are kept")->required();
  flags.value_flag("--shapes", args->weights, MadeUp::Shapes,
                   "leave holes where weights would be: a moment, and no disk. For plans");
  flags.text("-m,--model", args->tokenizers.folder, "DIR", "whose tokenizers are copied (default: the avatar model)");
  add_report_flags(parser, args->report);
  parser.footer(
      R"(For measurements of loading, memory and speed. Weights have the size of trained ones, so that results are
finite; pictures are noise.

Example:
  newbie dev synthesize --config newbie-3.5b /data/newbie-made-up)");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
