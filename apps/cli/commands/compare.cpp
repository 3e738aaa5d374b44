// newbie compare: one model in several precisions, on the same prompts and seeds, with what can be said and what not.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "compare/draw.h"
#include "compare/report.h"
#include "compare/settings.h"
#include "compare/study_table.h"
#include "compare/table_file.h"
#include "core/files.h"
#include "core/printable.h"
#include "file_roles.h"
#include "flags.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "lists/prompt_list.h"
#include "standard_streams.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

// The study's own settings (docs/precision.md).
constexpr const char* kStudyPrompt =
    "<character_1> <n>miku</n> <gender>1girl</gender> <appearance>blue_hair, long_twintails, teal_eyes</appearance> "
    "</character_1>";
constexpr int kStudySide = 1024, kStudySteps = 50, kStudySeeds = 4;
constexpr size_t kStudyObserved = 1;  // looking into the others would take their time

enum class Preset { None, Study };

struct CompareArguments {
  Preset preset = Preset::None;
  std::string dtypes = "f32,bf16,f16";
  std::optional<std::string> prompts;
  std::optional<std::string> folder;
  std::optional<std::string> check;
  int seeds = 1;
  bool resume = false;
  std::optional<std::string> shard;
  size_t observed = 4;
  PageOptions page;
  EngineArguments engine;
  PictureArguments picture;  // of which the request counts
  ScoreOptions score;
  std::optional<std::string> reference, inception;
  ReportArguments report;
};

void check_table_file(const CompareArguments& args) {
  const TableFile file = read_table(*args.check);
  const std::vector<TableFinding> findings = check_table(file.table);
  if (args.report.json)
    return print_json({{"title", file.title}, {"source", file.source}, {"findings", findings_json(findings)}});
  print(fmt::format("{}\n\n{}", in_one_line(file.title.empty() ? *args.check : file.title),
                    findings.empty() ? "nothing to object to\n" : findings_text(findings)));
}

std::vector<GenerateRequest> pictures_of(CompareArguments& args) {
  GenerateRequest& r = args.picture.request;
  std::vector<GenerateRequest> listed;
  if (args.preset == Preset::Study) {
    if (r.width == 0) r.width = kStudySide;
    if (r.height == 0) r.height = kStudySide;
    r.prompt = kStudyPrompt;
    listed.push_back(r);
  } else if (args.prompts) {
    for (ListedRequest& one : read_prompt_list(*args.prompts, args.picture, false)) {
      if (one.output)
        fail(ErrorKind::InvalidRequest, "{}: \"output\": a comparison names its pictures itself", one.where);
      if (one.request.batch != 1)
        fail(ErrorKind::InvalidRequest, "{}: \"batch\": a line is one picture, --seeds makes more", one.where);
      listed.push_back(std::move(one.request));
    }
  } else {
    fail(ErrorKind::InvalidRequest, "nothing to draw: give --prompts FILE, --preset study, or --check TABLE.json");
  }
  return with_seeds(listed, r.seed, args.seeds);
}

// As it was typed, in its order.
std::string command_of(const CLI::App& parser) {
  std::string out = "newbie " + parser.get_name();
  const auto quoted = [](const std::string& word) {
    constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,+=:@%";
    return !word.empty() && word.find_first_not_of(kPlain) == word.npos ? word : "'" + word + "'";
  };
  for (const CLI::Option* option : parser.parse_order()) {
    out += ' ' + option->get_name();
    if (option->get_expected_min() > 0)
      for (const std::string& value : option->results()) out += ' ' + quoted(value);
  }
  return out;
}

// The study is of a published model, whatever is installed here.
void require_model_for_study(const CompareArguments& args) {
  const ModelPaths& model = args.engine.model;
  const bool is_given = !model.transformer.empty() || model_places(model.folder).front().is_asked_for;
  if (args.preset == Preset::Study && !is_given)
    fail_with_hint(ErrorKind::InvalidRequest, "newbie compare --preset study -m DIR -o OUT",
                   "--preset study: a model is needed, as the study draws what the embedded one never learned");
}

constexpr const char* kReportFiles[] = {"report.html", "report.json", "report.md", "report.csv"};

void run(const CLI::App& parser, CompareArguments& args) {
  if (args.check) return check_table_file(args);
  require_model_for_study(args);
  CompareSettings settings{.rows = parse_rows("--dtypes", args.dtypes),
                           .pictures = pictures_of(args),
                           .engine = args.engine,
                           .observed = args.observed};
  if (!args.folder) fail(ErrorKind::InvalidRequest, "--out: a folder for the pictures and the report is needed");
  for (const GenerateRequest& r : settings.pictures) check_request(r);
  if (args.reference) args.score.reference = *args.reference;
  if (args.inception) args.score.inception = *args.inception;

  const Shard share = args.shard ? parse_shard(*args.shard) : Shard();

  Terminal terminal(args.report.verbosity);
  const StopToken stop = stop_on_signals();
  std::optional<CompareStore> store;
  {
    TextToImage engine = TextToImage::open(find_model(args.engine.model), args.engine.options, terminal);
    store.emplace(*args.folder, settings_json(settings, engine.fingerprints(), engine.threads()),
                  args.resume || args.shard.has_value());  // several shares may have one folder
  }
  const fs::path folder = *args.folder;
  FileRoles roles(parser, {"--out"}, terminal);
  for (const char* name : kReportFiles)
    args.resume || args.shard ? roles.takes("the report", folder / name) : roles.writes("the report", folder / name);
  if (args.shard) terminal.info("shard {} of {}, by {}", share.index, share.count, share.source);
  draw_comparison(settings, *store, share, terminal, stop);
  if (args.shard && args.report.json) return print_json({{"shard", share.index}, {"shards", share.count}});
  if (args.shard && args.report.verbosity.quiet) return;
  if (args.shard)
    return print("with all shares in one folder, this command with --resume, not --shard, makes the report\n");
  const CompareReport report = score_comparison(settings, *store, args.score, terminal, stop);
  terminal.clear_bar();

  OrderedJson json = compare_json(report, settings, args.score);
  json["command"] = args.page.command = command_of(parser);
  constexpr auto kRepaired = OrderedJson::error_handler_t::replace;
  write_file_atomically(folder / "report.json", json.dump(1, ' ', false, kRepaired) + "\n");
  write_file_atomically(folder / "report.html", compare_page(report, settings, *store, args.page));
  write_file_atomically(folder / "report.md", compare_markdown(report));
  write_file_atomically(folder / "report.csv", compare_csv(report));
  if (args.report.json) return print_json(json);
  if (args.report.verbosity.quiet) return;
  std::string files;
  for (const char* name : kReportFiles) files += in_one_line((folder / name).string()) + '\n';
  print(compare_text(report) + '\n' + compare_markdown(report) + '\n' + files);
}

}  // namespace

Command add_compare(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("compare", "draw the same pictures in several precisions, and measure");
  const auto args = std::make_shared<CompareArguments>();
  CompareArguments& a = *args;

  Flags work(parser, "Comparison");
  work.text(
      "--dtypes", a.dtypes, "A,B,C",
      fmt::format("names of --precision or --dtype, each perhaps with + and one of\n{}; f32 is always drawn, and f16 "
                  "brings f16+guard\n(default: {})",
                  row_variant_names(), a.dtypes));
  CLI::Option* prompts =
      work.text("--prompts", a.prompts, "FILE", "a JSON object a line, as newbie generate --prompts takes it");
  work.integer("--seeds", a.seeds, "pictures of each prompt (default: 1)", 1, 100000);
  work.choice<Preset>("--preset", a.preset, {{"study", Preset::Study}},
                      fmt::format("study: the published study's prompt, 1024x1024, 50 steps,\n{} seeds", kStudySeeds))
      ->excludes(prompts);
  work.text("-o,--out", a.folder, "DIR", "pictures, results, and report.html, .json, .md and .csv");
  CLI::Option* resume = work.flag("--resume", a.resume, "go on with the comparison that is in DIR");
  work.text("--shard", a.shard, "I/N|auto",
            "draw this share of the pictures alone, and make no report; auto\nasks the launcher (docs/many.md)")
      ->excludes(resume);
  work.text("--check", a.check, "TABLE.json", "draw nothing: tell what in somebody's table cannot be true");

  Flags scores(parser, "Scores");
  scores.text("--reference", a.reference, "DIR", "true pictures, for FID and KID");
  scores.text("--inception", a.inception, "FILE",
              "InceptionV3's weights, as tools/convert_inception.py writes them\n(default: the model's own Jina CLIP)");
  scores.integer("--bootstrap", a.score.distance_resamples,
                 fmt::format("resamples for intervals of distances (default: {})", a.score.distance_resamples), 0,
                 100000);
  scores.integer("--observe", a.observed,
                 fmt::format("pictures of which every block's values are compared (default: {})", a.observed), 0,
                 100000);
  scores.integer("--shown", a.page.shown_pictures,
                 fmt::format("pictures in report.html (default: {})", a.page.shown_pictures), 0, 1000);

  GenerateRequest& r = a.picture.request;
  for (const char* field : {"negative_prompt", "width", "height", "seed"}) add_field_flag(parser, field, r);
  add_sampling_flags(parser, r);
  add_model_flags(parser, a.engine);
  Flags engine(parser, "Engine");
  engine.integer("-t,--threads", a.engine.options.threads, "threads (default: every CPU this process may use)", 1,
                 1024);
  engine.value(
      "--memory", "SIZE", "limit for the whole process, as in 6GiB or 800MB\n(default: what the machine has left)",
      [&a](const std::string& given) { a.engine.options.memory_budget_bytes = parse_memory("--memory", given); });
  add_report_flags(parser, a.report);
  parser.footer(
      R"(Every row draws the same prompts from the same noise; f32 is what the others are held against. Without
+guard a row runs with --guard warn, and a picture with NaN, infinite values or one colour counts as failed.
  f16+guard      the guard may run blocks again in f32
  f32+seeds      other noise: how far apart sets are by chance alone
  f32+unfused    the same arithmetic in another order: the floor of all drift

Examples:
  newbie compare --dtypes f32,bf16,f16,f32+seeds --prompts list.jsonl --reference pictures/ -o out
  newbie compare --preset study --dtypes f32,bf16,f16 -m NewBie-image-Exp0.1 -o study
  newbie compare --check examples/study.json)");
  parser.parse_complete_callback([args, &parser] {
    if (args->preset != Preset::Study) return;
    if (parser.count("--steps") == 0) args->picture.request.steps = kStudySteps;
    if (parser.count("--seeds") == 0) args->seeds = kStudySeeds;
    if (parser.count("--observe") == 0) args->observed = kStudyObserved;
  });
  return {&parser, [args, &parser] { run(parser, *args); }};
}

}  // namespace newbie
