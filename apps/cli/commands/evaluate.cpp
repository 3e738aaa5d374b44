// newbie evaluate: numbers about folders of pictures.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/machine.h"
#include "core/printable.h"
#include "evaluate/evaluation.h"
#include "evaluate_report.h"
#include "flags.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "standard_streams.h"
#include "units.h"
#include "watch_on.h"

namespace newbie {

namespace {

struct EvaluateArguments {
  Evaluation asked;
  ModelPaths model;
  std::optional<std::string> inception, captions, beside;
  int threads = 0;
  size_t memory_bytes = 0;
  ReportArguments report;
};

std::string words_of(const DistanceFound& found) {
  const std::string out = distance_text(found.metric, found.distance, found.options);
  if (!found.beside) return out;
  const PairedDistance& d = found.beside->less;
  return out + fmt::format("  beside      {:.6g}: less that of {}, N = {} pairs\n              {}; {}\n", d.difference,
                           found.beside->pictures.where.string(), found.beside->pairs,
                           interval_text(d.sureness, kFewestForDistance), verdict_text(d.sureness));
}

std::string words_of(const CaptionFitsFound& found) {
  const auto of_one = [&](const CaptionFit& fit) {
    return fmt::format("{}  {}, N = {}\n", found.metric, in_one_line(fit.pictures.where.string()), fit.cosines.size()) +
           clip_score_text(fit.score);
  };
  std::string out = of_one(found.a);
  if (!found.b) return out;
  const MeanEstimate& d = *found.difference;
  return out + of_one(*found.b) +
         fmt::format(
             "paired difference of the cosines, first − second, N = {}\n  {:.6g} ± {:.2g} standard error  {}\n  {}\n",
             d.n, d.mean, d.sureness.standard_error, interval_text(d.sureness, kFewestForMean),
             verdict_text(d.sureness));
}

std::string words_of(const PairsFound& found) {
  const size_t n = found.values.size();
  if (!found.mean)
    return fmt::format(
        "psnr  {:.4f} dB of the mean squared error, median {:.4f}, worst {:.4f}\n"
        "  N = {} pairs, {} of them identical; 8 bit, all pixels and channels\n",
        found.of_mean, found.median, found.worst, n, found.identical);
  return fmt::format(
      "{}  {:.6f}  {}\n  median {:.6f}, worst {:.6f}\n"
      "  N = {} pairs; window Gaussian 11x11, σ 1.5, per channel, K 0.01 and 0.03\n",
      found.metric, found.mean->mean, interval_text(found.mean->sureness, kFewestForMean), found.median, found.worst,
      n);
}

void run(EvaluateArguments& args) {
  if (args.inception) args.asked.options.inception = *args.inception;
  if (args.captions) args.asked.options.captions = *args.captions;
  if (args.beside) args.asked.options.beside = *args.beside;
  Terminal terminal(args.report.verbosity);
  const StopToken stop = stop_on_signals();
  Runtime runtime = evaluation_runtime(args.threads > 0 ? args.threads : usable_cpus());
  const Evaluator by{.runtime = runtime,
                     .clip_model = [&] { return find_clip_model(args.model); },
                     .log = terminal,
                     .watch = [&](const std::string& stage) { return watch_on(terminal, stop, stage); },
                     .memory_bytes = args.memory_bytes};
  const auto tell = [&](const auto& found) {
    terminal.clear_bar();
    args.report.json ? print_json(found_json(found)) : print(words_of(found));
  };
  switch (args.asked.metric) {
    case Metric::Fid:
    case Metric::Kid: return tell(find_distance(args.asked, by));
    case Metric::ClipScore: return tell(find_caption_fits(args.asked, by));
    case Metric::Psnr:
    case Metric::Ssim: return tell(find_pairs(args.asked, by));
  }
}

struct MetricCommand {
  Metric metric;
  const char* about;
  const char *first, *second;  // what the operands are
  bool second_required, has_network, is_distance;
  const char *footer, *example;
};

constexpr const char* kDistanceFooter =
    "The value is printed with its extractor: jina-clip, the model's own, or inception-v3 with --inception.\n"
    "Values of different extractors, inputs or N must not be compared. docs/evaluate.md has the formulas.\n\n";

constexpr MetricCommand kMetricCommands[] = {
    {Metric::Fid, "Frechet distance of two folders", "pictures", "the reference set", true, true, true, kDistanceFooter,
     "out/bf16 photographs"},
    {Metric::Kid, "kernel distance of two folders: unbiased, for small sets", "pictures", "the reference set", true,
     true, true, kDistanceFooter, "out/bf16 photographs"},
    {Metric::ClipScore, "how well pictures fit their captions; with a second folder, which fits better", "pictures",
     "pictures of the same names, to compare with", false, true, false,
     "A caption is the line of --captions, else name.txt beside name.png, else the prompt in the picture.\n\n",
     "out/bf16 out/f32 --captions prompts.jsonl"},
    {Metric::Psnr, "peak signal-to-noise ratio of pictures of the same names", "pictures, or one",
     "what they should be", true, false, false, "", "out/bf16 out/f32"},
    {Metric::Ssim, "structural similarity of pictures of the same names", "pictures, or one", "what they should be",
     true, false, false, "", "a.png b.png"},
};

void add_model_flags(CLI::App& parser, EvaluateArguments& a) {
  Flags flags(parser, "Model");
  flags.text("-m,--model", a.model.folder, "DIR", "whose Jina CLIP it is (default: as newbie generate)");
  flags.text("--clip", a.model.clip_model, "PATH", "Jina CLIP alone, with both towers");
}

void add_distance_flags(CLI::App& parser, EvaluateArguments& a, bool kernel) {
  EvaluationOptions& o = a.asked.options;
  Flags flags(parser, "Distance");
  flags.text("--inception", a.inception, "FILE", "InceptionV3's weights, as tools/convert_inception.py writes them");
  flags.choice<InceptionInput>("--inception-input", o.inception_input,
                               {{"clean", InceptionInput::Clean},
                                {"pytorch-fid", InceptionInput::PytorchFid},
                                {"tensorflow", InceptionInput::TensorFlow}},
                               "how pictures get to 299 pixels (default: clean)");
  flags.text(
      "--beside", a.beside, "DIR",
      "is A nearer to B than this folder is? Its pictures have the names of those of A that\nwere drawn from the "
      "same prompts and seeds; the difference of both distances is paired");
  flags.integer("--splits", o.splits, fmt::format("of the second set, for the baseline (default: {})", o.splits), 0,
                10000);
  if (!kernel) return;
  flags.integer("--subsets", o.subsets.subsets, fmt::format("(default: {})", o.subsets.subsets), 1, 100000);
  flags.integer("--subset-size", o.subsets.most, fmt::format("at most (default: {})", o.subsets.most), 2, 100000);
}

}  // namespace

Command add_evaluate(CLI::App& program) {
  CLI::App& group =
      *program.add_subcommand("evaluate", "numbers about folders of pictures: FID, KID, CLIP score, PSNR, SSIM");
  group.require_subcommand(1);
  const auto args = std::make_shared<EvaluateArguments>();
  Evaluation& asked = args->asked;
  std::string examples = "Examples:";
  for (const MetricCommand& command : kMetricCommands) {
    CLI::App& parser = *group.add_subcommand(std::string(to_string(command.metric)), command.about);
    const std::string folders = "Folders";
    parser.add_option("A", asked.a, command.first)->required()->type_name("PATH")->group(folders);
    parser.add_option("B", asked.b, command.second)
        ->required(command.second_required)
        ->type_name("PATH")
        ->group(folders);
    if (command.metric == Metric::ClipScore) {
      Flags captions(parser, "Captions");
      captions.text("--captions", args->captions, "FILE.jsonl",
                    "a line a picture: its name in \"file\" or \"file_name\", and its text");
      captions.text("--caption-key", asked.options.caption_key, "KEY",
                    "where the text is (default: the first of prompt, caption, text, xml, tags)");
    }
    if (command.is_distance) add_distance_flags(parser, *args, command.metric == Metric::Kid);
    if (command.metric == Metric::Ssim)
      Flags(parser, "SSIM")
          .choice<SsimBorder>("--border", asked.options.border,
                              {{"reflect", SsimBorder::Reflect}, {"valid", SsimBorder::Valid}},
                              "which windows count: one around every pixel, the picture mirrored\n(default, as "
                              "torchmetrics), or those inside the picture (as scikit-image)");
    if (command.has_network) add_model_flags(parser, *args);
    Flags engine(parser, "Engine");
    if (const size_t resamples = default_resamples(command.metric); resamples != 0) {
      engine.integer("--bootstrap", asked.options.resamples,
                     fmt::format("resamples for the 95 % interval; 0: none (default: {})", resamples), 0, 1000000);
      engine.integer("--seed", asked.options.seed, "of resamples and splits (default: 0)", 0);
    }
    engine.integer("-t,--threads", args->threads, "threads (default: every CPU this process may use)", 1, 1024);
    engine.value("--memory", "SIZE",
                 "limit for the whole process: a picture that is too large for it is not read\n(default: what the "
                 "machine has left)",
                 [args](const std::string& given) { args->memory_bytes = parse_memory("--memory", given); });
    add_report_flags(parser, args->report);
    const std::string example = fmt::format("newbie evaluate {} {}", to_string(command.metric), command.example);
    parser.footer(fmt::format("{}Example:\n  {}", command.footer, example));
    examples += "\n  " + example;
    parser.preparse_callback([args, metric = command.metric](size_t) {
      args->asked.metric = metric;
      args->asked.options.resamples = default_resamples(metric);
    });
  }
  group.footer(examples);
  return {&group, [args] { run(*args); }};
}

}  // namespace newbie
