// newbie evaluate: numbers about folders of pictures.
#include <algorithm>
#include <cmath>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/machine.h"
#include "evaluate/picture_metrics.h"
#include "evaluate_report.h"
#include "flags.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "standard_streams.h"
#include "watch_on.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

struct EvaluateArguments {
  std::string a, b;
  ModelPaths model;
  std::optional<std::string> inception;
  InceptionInput inception_input = InceptionInput::Clean;
  std::optional<std::string> captions;
  std::string caption_key;
  size_t resamples = 0;
  size_t splits = 10;
  SubsetOptions subsets;
  uint64_t seed = 0;
  SsimBorder border = SsimBorder::Reflect;
  int threads = 0;
  ReportArguments report;
};

// What every evaluation with a network needs.
struct Session {
  explicit Session(const EvaluateArguments& a)
      : args(a),
        terminal(a.report.verbosity),
        stop(stop_on_signals()),
        runtime(evaluation_runtime(a.threads > 0 ? a.threads : usable_cpus())) {}

  ExtractedSet extract(const PictureList& pictures, ImageExtractor& extractor) {
    ExtractedSet set = extract_set(pictures, extractor,
                                   watch_on(terminal, stop, fmt::format("features of {}", pictures.where.string())));
    terminal.clear_bar();
    warn_about(pictures, set, terminal);
    if (extractor.name() == "jina-clip") warn_about_crop(pictures, set);
    return set;
  }

  void warn_about_crop(const PictureList& pictures, const ExtractedSet& set) {
    if (set.not_square != 0)
      terminal.warn("{}: {} pictures are not square: jina-clip sees their middle alone", pictures.where.string(),
                    set.not_square);
  }

  void finish(const OrderedJson& json, const std::string& text) {
    terminal.clear_bar();
    args.report.json ? print_json(json) : print(text);
  }

  const EvaluateArguments& args;
  Terminal terminal;
  StopToken stop;
  Runtime runtime;
};

using Report = SetDistance (*)(const FeatureMatrix& a, const FeatureMatrix& b, Sets sets,
                               const DistanceOptions& options, ThreadPool& pool, const Watch& watch);

void evaluate_distance(const EvaluateArguments& args, const std::string& name, Report report) {
  Session session(args);
  const PictureList a = list_pictures(args.a), b = list_pictures(args.b);
  std::unique_ptr<ImageExtractor> extractor;
  if (args.inception)
    extractor = inception_extractor(session.runtime, *args.inception, args.inception_input);
  else
    extractor = std::make_unique<JinaExtractor>(session.runtime, find_clip_model(args.model), session.terminal);
  const ExtractedSet of_a = session.extract(a, *extractor), of_b = session.extract(b, *extractor);
  DistanceOptions options{
      .resamples = args.resamples, .splits = args.splits, .seed = args.seed, .subsets = args.subsets};
  options.subsets.seed = args.seed;
  const std::string metric = fmt::format("{}[{}]", name, extractor->name());
  const SetDistance d = report(of_a.features, of_b.features, Sets::Independent, options, session.runtime.pool,
                               watch_on(session.terminal, session.stop, metric));
  session.terminal.clear_bar();
  if (d.gram)
    session.terminal.warn(
        "{} and {} pictures for features of {} numbers: the covariances are singular (exact Gram form); compare such "
        "values only at equal N, or take kid",
        d.rows_a, d.rows_b, d.dimension);
  OrderedJson json = distance_json(metric, d, options);
  json["a"] = set_json(a, of_a);
  json["b"] = set_json(b, of_b);
  session.finish(json, distance_text(metric, d, options));
}

void evaluate_clip_score(const EvaluateArguments& args) {
  Session session(args);
  Terminal& terminal = session.terminal;
  const Captions captions = args.captions ? read_captions(*args.captions, args.caption_key) : Captions();
  JinaExtractor extractor(session.runtime, find_clip_model(args.model), terminal);
  const BootstrapOptions options{args.resamples, args.seed};
  const Watch quietly{[](size_t, size_t) {}, session.stop};

  struct Scored {
    PictureList pictures;
    CaptionedSet set;
    std::vector<double> cosines;
    ClipScore score;
  };
  const auto scored = [&](const std::string& folder) {
    Scored out{.pictures = list_pictures(folder), .set = {}, .cosines = {}, .score = {}};
    out.set = extract_captioned(out.pictures, captions, extractor,
                                watch_on(terminal, session.stop, fmt::format("features of {}", folder)));
    terminal.clear_bar();
    warn_about(out.pictures, out.set.images, terminal);
    session.warn_about_crop(out.pictures, out.set.images);
    if (!out.set.uncaptioned.empty())
      terminal.warn("{}: {} pictures have no caption and are left out; the first: {}", folder,
                    out.set.uncaptioned.size(), out.set.uncaptioned.front().string());
    if (out.set.cut != 0) terminal.warn("{}: {} captions are too long to be read to their ends", folder, out.set.cut);
    out.cosines = row_cosines(out.set.images.features, out.set.texts);
    out.score = clip_score(out.cosines, extractor.logit_scale(), options, session.runtime.pool, quietly);
    return out;
  };
  const auto json_of = [](const Scored& s) {
    OrderedJson json = set_json(s.pictures, s.set.images);
    json["uncaptioned"] = s.set.uncaptioned.size();
    json["cut_captions"] = s.set.cut;
    json["score"] = clip_score_json(s.score);
    return json;
  };
  const std::string metric = fmt::format("clip-score[{}]", extractor.name());
  const auto text_of = [&](const Scored& s) {
    return fmt::format("{}  {}, N = {}\n", metric, s.pictures.where.string(), s.cosines.size()) +
           clip_score_text(s.score);
  };

  const Scored a = scored(args.a);
  OrderedJson json{{"metric", metric}, {"confidence", 0.95}, {"resamples", args.resamples}, {"seed", args.seed}};
  json["a"] = json_of(a);
  std::string text = text_of(a);
  if (!args.b.empty()) {
    const Scored b = scored(args.b);
    json["b"] = json_of(b);
    text += text_of(b);
    const auto list_of = [](const Scored& s) { return PictureList{s.pictures.where, s.set.images.files}; };
    const PicturePairs pairs = pair_pictures(list_of(a), list_of(b));
    std::vector<double> first, second;
    for (const auto& [of_a, of_b] : pairs.pairs) {
      const auto cosine = [](const Scored& s, const fs::path& file) {
        return s.cosines[static_cast<size_t>(std::ranges::find(s.set.images.files, file) - s.set.images.files.begin())];
      };
      first.push_back(cosine(a, of_a));
      second.push_back(cosine(b, of_b));
    }
    const MeanEstimate difference = paired_difference(first, second, options, session.runtime.pool, quietly);
    json["paired_difference"] = mean_json(difference);
    json["paired_difference"]["excludes_zero"] = excludes_zero(difference.sureness);
    text += fmt::format(
        "paired difference of the cosines, first − second, N = {}\n  {:.6g} ± {:.2g} standard error  {}\n  {}\n",
        difference.n, difference.mean, difference.sureness.standard_error,
        interval_text(difference.sureness, kFewestForMean), verdict_text(difference.sureness));
  }
  session.finish(json, text);
}

// A metric of two pictures over all pairs.
struct PairValues {
  PictureList a, b;
  PicturePairs pairs;
  std::vector<double> values;
};

PairValues over_pairs(Session& session, const std::string& metric,
                      const std::function<double(const Image&, const Image&)>& value) {
  PairValues out{.a = list_pictures(session.args.a), .b = list_pictures(session.args.b), .pairs = {}, .values = {}};
  out.pairs = pair_pictures(out.a, out.b);
  const size_t count = out.pairs.pairs.size();
  out.values.resize(count);
  const Watch watch = watch_on(session.terminal, session.stop, metric);
  const auto at_once = static_cast<size_t>(session.runtime.pool.size());
  for (size_t first = 0; first < count; first += at_once) {
    watch.stop.throw_if_stopped();
    const size_t now = std::min(at_once, count - first);
    session.runtime.pool.run(static_cast<int64_t>(now), [&](int64_t index, int) {
      const size_t i = first + static_cast<size_t>(index);
      const auto& [a, b] = out.pairs.pairs[i];
      const Image x = read_rgb(a), y = read_rgb(b);
      try {
        out.values[i] = value(x, y);
      } catch (const Error& e) {
        throw Error(e.kind(), fmt::format("{} and {}: {}", a.string(), b.string(), e.message()), e.hint());
      }
    });
    watch.on_item(first + now, count);
  }
  session.terminal.clear_bar();
  for (const PictureList* list : {&out.a, &out.b})
    if (list->others != 0)
      session.terminal.warn("{}: {} files are no pictures and are left out", list->where.string(), list->others);
  if (!out.pairs.alone.empty())
    session.terminal.warn("{} pictures have no counterpart of their name and are left out; the first: {}",
                          out.pairs.alone.size(), out.pairs.alone.front());
  return out;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

OrderedJson pairs_json(const PairValues& all, const std::function<double(double)>& shown) {
  OrderedJson out = OrderedJson::array();
  for (size_t i = 0; i < all.values.size(); ++i)
    out.push_back({{"a", all.pairs.pairs[i].a.string()},
                   {"b", all.pairs.pairs[i].b.string()},
                   {"value", number_json(shown(all.values[i]))}});
  return out;
}

void evaluate_psnr(const EvaluateArguments& args) {
  Session session(args);
  const PairValues errors = over_pairs(session, "psnr", mean_squared_error);
  std::vector<double> values(errors.values.size());
  std::ranges::transform(errors.values, values.begin(), psnr_of);
  const auto equal = static_cast<size_t>(std::ranges::count(errors.values, 0.0));
  const double of_mean = psnr_of(spread_of(errors.values).mean), middle = median(values),
               worst = *std::ranges::min_element(values);
  OrderedJson json{{"metric", "psnr"},
                   {"range", 255},
                   {"n", values.size()},
                   {"of_mean_squared_error", number_json(of_mean)},
                   {"median", number_json(middle)},
                   {"worst", number_json(worst)},
                   {"identical", equal},
                   {"alone", errors.pairs.alone}};
  json["pairs"] = pairs_json(errors, psnr_of);
  session.finish(json, fmt::format("psnr  {:.4f} dB of the mean squared error, median {:.4f}, worst {:.4f}\n"
                                   "  N = {} pairs, {} of them identical; 8 bit, all pixels and channels\n",
                                   of_mean, middle, worst, values.size(), equal));
}

void evaluate_ssim(const EvaluateArguments& args) {
  Session session(args);
  const PairValues all =
      over_pairs(session, "ssim", [&](const Image& x, const Image& y) { return ssim(x, y, args.border); });
  const BootstrapOptions options{args.resamples, args.seed};
  const MeanEstimate mean =
      estimate_mean(all.values, options, session.runtime.pool, {[](size_t, size_t) {}, session.stop});
  const double middle = median(all.values), worst = *std::ranges::min_element(all.values);
  const char* border = args.border == SsimBorder::Valid ? "valid" : "reflect";
  OrderedJson json{{"metric", fmt::format("ssim[{}]", border)},
                   {"window", "gaussian 11x11, sigma 1.5"},
                   {"range", 255},
                   {"confidence", 0.95},
                   {"resamples", args.resamples},
                   {"seed", args.seed}};
  json.update(mean_json(mean));
  json["median"] = middle;
  json["worst"] = worst;
  json["alone"] = all.pairs.alone;
  json["pairs"] = pairs_json(all, [](double v) { return v; });
  session.finish(json,
                 fmt::format("ssim[{}]  {:.6f}  {}\n  median {:.6f}, worst {:.6f}\n"
                             "  N = {} pairs; window Gaussian 11x11, σ 1.5, per channel, K 0.01 and 0.03\n",
                             border, mean.mean, interval_text(mean.sureness, kFewestForMean), middle, worst, mean.n));
}

constexpr size_t kDistanceResamples = 1000, kMeanResamples = 2000;

struct Metric {
  const char* name;
  const char* about;
  void (*run)(const EvaluateArguments&);
  const char *first, *second;  // what the operands are
  bool second_required, has_network, is_distance;
  size_t resamples;  // 0: has no interval
  const char* footer;
};

constexpr const char* kDistanceFooter =
    "The value is printed with its extractor: jina-clip, the model's own, or inception-v3 with --inception.\n"
    "Values of different extractors, inputs or N must not be compared. docs/evaluate.md has the formulas.";

constexpr Metric kMetrics[] = {
    {"fid", "Frechet distance of two folders",
     [](const EvaluateArguments& a) { evaluate_distance(a, "fid", frechet_report); }, "pictures", "the reference set",
     true, true, true, kDistanceResamples, kDistanceFooter},
    {"kid", "kernel distance of two folders: unbiased, for small sets",
     [](const EvaluateArguments& a) { evaluate_distance(a, "kid", kernel_report); }, "pictures", "the reference set",
     true, true, true, kDistanceResamples, kDistanceFooter},
    {"clip-score", "how well pictures fit their captions; with a second folder, which fits better", evaluate_clip_score,
     "pictures", "pictures of the same names, to compare with", false, true, false, kMeanResamples,
     "A caption is the line of --captions, else name.txt beside name.png, else the prompt in the picture.\n\n"
     "Example:\n  newbie evaluate clip-score out/bf16 out/f32 --captions prompts.jsonl"},
    {"psnr", "peak signal-to-noise ratio of pictures of the same names", evaluate_psnr, "pictures, or one",
     "what they should be", true, false, false, 0, ""},
    {"ssim", "structural similarity of pictures of the same names", evaluate_ssim, "pictures, or one",
     "what they should be", true, false, false, kMeanResamples, ""},
};

void add_model_flags(CLI::App& parser, EvaluateArguments& a) {
  Flags flags(parser, "Model");
  flags.text("-m,--model", a.model.folder, "DIR", "whose Jina CLIP it is (default: as newbie generate)");
  flags.text("--clip", a.model.clip_model, "PATH", "Jina CLIP alone, with both towers");
}

void add_distance_flags(CLI::App& parser, EvaluateArguments& a, bool kernel) {
  Flags flags(parser, "Distance");
  flags.text("--inception", a.inception, "FILE", "InceptionV3's weights, as tools/convert_inception.py writes them");
  flags.choice<InceptionInput>("--inception-input", a.inception_input,
                               {{"clean", InceptionInput::Clean},
                                {"pytorch-fid", InceptionInput::PytorchFid},
                                {"tensorflow", InceptionInput::TensorFlow}},
                               "how pictures get to 299 pixels (default: clean)");
  flags.integer("--splits", a.splits, fmt::format("of the second set, for the baseline (default: {})", a.splits), 0,
                10000);
  if (!kernel) return;
  flags.integer("--subsets", a.subsets.subsets, fmt::format("(default: {})", a.subsets.subsets), 1, 100000);
  flags.integer("--subset-size", a.subsets.most, fmt::format("at most (default: {})", a.subsets.most), 2, 100000);
}

}  // namespace

Command add_evaluate(CLI::App& program) {
  CLI::App& group =
      *program.add_subcommand("evaluate", "numbers about folders of pictures: FID, KID, CLIP score, PSNR, SSIM");
  group.require_subcommand(1);
  const auto args = std::make_shared<EvaluateArguments>();
  std::vector<std::pair<const CLI::App*, const Metric*>> metrics;
  for (const Metric& metric : kMetrics) {
    CLI::App& parser = *group.add_subcommand(metric.name, metric.about);
    const std::string folders = "Folders";
    parser.add_option("A", args->a, metric.first)->required()->type_name("PATH")->group(folders);
    parser.add_option("B", args->b, metric.second)->required(metric.second_required)->type_name("PATH")->group(folders);
    if (metric.run == evaluate_clip_score) {
      Flags captions(parser, "Captions");
      captions.text("--captions", args->captions, "FILE.jsonl",
                    "a line a picture: its name in \"file\" or \"file_name\", and its text");
      captions.text("--caption-key", args->caption_key, "KEY",
                    "where the text is (default: the first of prompt, caption, text, xml, tags)");
    }
    if (metric.is_distance) add_distance_flags(parser, *args, metric.name == std::string_view("kid"));
    if (metric.run == evaluate_ssim)
      Flags(parser, "SSIM")
          .choice<SsimBorder>("--border", args->border,
                              {{"reflect", SsimBorder::Reflect}, {"valid", SsimBorder::Valid}},
                              "which windows count: one around every pixel, the picture mirrored\n(default, as "
                              "torchmetrics), or those inside the picture (as scikit-image)");
    if (metric.has_network) add_model_flags(parser, *args);
    Flags engine(parser, "Engine");
    if (metric.resamples != 0) {
      engine.integer("--bootstrap", args->resamples,
                     fmt::format("resamples for the 95 % interval; 0: none (default: {})", metric.resamples), 0,
                     1000000);
      engine.integer("--seed", args->seed, "of resamples and splits (default: 0)", 0);
    }
    engine.integer("-t,--threads", args->threads, "threads (default: every CPU this process may use)", 1, 1024);
    add_report_flags(parser, args->report);
    parser.footer(metric.footer);
    parser.preparse_callback([args, &metric](size_t) { args->resamples = metric.resamples; });
    metrics.emplace_back(&parser, &metric);
  }
  return {&group, [args, metrics] {
            for (const auto& [parser, metric] : metrics)
              if (parser->parsed()) metric->run(*args);
          }};
}

}  // namespace newbie
