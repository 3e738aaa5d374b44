// newbie overflow: which numbers leave the range of a narrow format, where, and what keeps them in it.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/files.h"
#include "core/machine.h"
#include "exit_code.h"
#include "file_roles.h"
#include "flags.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "lists/prompt_list.h"
#include "overflow_html.h"
#include "overflow_report.h"
#include "precision_policy.h"
#include "standard_streams.h"

namespace newbie {

namespace {

// The prompt of the study that docs/precision.md answers.
constexpr const char* kDefaultPrompt =
    "<character_1> <n>miku</n> <gender>1girl</gender> <appearance>blue_hair, long_twintails, "
    "teal_eyes</appearance> </character_1>";

struct OverflowArguments {
  EngineArguments engine;
  PictureArguments picture;
  ReportArguments report;
  std::optional<std::string> prompts, cure, html;
  std::string part;
  std::vector<std::string> ids;
  bool sums = false;
  size_t rows = 16;
};

std::vector<GenerateRequest> requests_of(CLI::App& parser, OverflowArguments& args) {
  Terminal terminal(args.report.verbosity);
  const bool has_prompt = read_request(parser, args.picture, args.engine.options.memory_budget_bytes, terminal);
  std::vector<GenerateRequest> out;
  if (args.prompts) {
    for (ListedRequest& one : read_prompt_list(*args.prompts, args.picture, has_prompt))
      out.push_back(std::move(one.request));
    return out;
  }
  if (!has_prompt) args.picture.request.prompt = kDefaultPrompt;
  resolve_prompts(args.picture, args.picture.request);
  check_request(args.picture.request);
  out.push_back(args.picture.request);
  return out;
}

std::unique_ptr<Subject> subject_of(CLI::App& parser, OverflowArguments& args) {
  const bool is_gemma = args.part == "text_encoder", is_encoder = is_gemma || args.part == "clip_model";
  if (!is_encoder) {
    if (!args.ids.empty()) fail(ErrorKind::InvalidRequest, "--ids: only with --part text_encoder or clip_model");
    std::vector<GenerateRequest> requests = requests_of(parser, args);
    return picture_subject(find_model(args.engine.model), std::move(requests), args.engine.options);
  }
  std::vector<EncoderText> texts;
  for (const std::string& given : args.ids) {
    std::vector<int32_t> ids = parse_token_ids("--ids", given);
    texts.push_back({fmt::format("{} token ids", ids.size()), std::move(ids)});
  }
  if (texts.empty())
    for (const GenerateRequest& r : requests_of(parser, args)) texts.push_back({r.prompt, {}});
  const GenerateRequest& request = args.picture.request;
  return encoder_subject(is_gemma ? EncoderKind::TextEncoder : EncoderKind::ClipModel,
                         encoder_path(args.engine.model, args.part.c_str()), args.engine.model.strictness,
                         std::move(texts), is_gemma ? request.max_gemma_tokens : request.max_jina_tokens,
                         args.engine.options);
}

void run(CLI::App& parser, OverflowArguments& args) {
  EngineOptions& engine = args.engine.options;
  if (engine.threads == 0) engine.threads = usable_cpus();
  if (engine.precision.preset == PrecisionPreset::Auto && !engine.precision.dtype) engine.precision.dtype = DType::F16;
  Terminal terminal(args.report.verbosity);
  FileRoles roles(parser, {"--cure", "--html"}, terminal);
  roles.reads_model(find_model(args.engine.model));
  if (args.cure) roles.writes("--cure", *args.cure);
  if (args.html) roles.writes("--html", *args.html);
  const StopToken stop = stop_on_signals();
  const std::unique_ptr<Subject> subject = subject_of(parser, args);
  const StudyOptions options{.threads = engine.threads, .part = args.part, .absolute_sums = args.sums};

  const std::shared_ptr<const Study> before = study(*subject, engine.precision, options, terminal, stop);
  OverflowReport report{.study = *before,
                        .cure = nullptr,
                        .cure_file = {},
                        .prompts = subject->prompts(),
                        .result_name = subject->result_name()};
  std::optional<Cure> cured;
  if (args.cure) {
    cured = cure(*subject, engine.precision, before, options, terminal, stop);
    report.cure = &*cured;
    if (cured->works() && (!cured->rescales.empty() || !cured->rules.empty())) {
      PrecisionPolicyFile policy{.rules = cured->request.rules, .rescales = cured->request.rescales};
      for (PrecisionRule& rule : policy.rules)
        if (rule.path_glob.empty() && rule.rank == RuleRank::Preset) rule.rank = RuleRank::User;
      write_file_atomically(
          *args.cure,
          precision_policy_text(
              policy, fmt::format("Keeps {} in range: newbie overflow --cure.\nTo be used with "
                                  "--precision {} --precision-policy THIS_FILE.",
                                  to_string(before->resolution.preset), to_string(before->resolution.preset))));
      report.cure_file = *args.cure;
    }
  }
  terminal.clear_bar();
  if (args.html) write_file_atomically(*args.html, overflow_html(report));
  std::optional<Error> failed;
  if (cured && !cured->works())
    failed = Error(ErrorKind::Unsupported,
                   fmt::format("no policy was found that keeps {} in range, so none is written", cured->left.front()),
                   "a wider --dtype; newbie inspect --check-weights tells whether weights are whole");
  if (!args.report.json) {
    print(overflow_text(report, args.rows));
    if (failed) throw *failed;
    return;
  }
  OrderedJson json = overflow_json(report);
  if (failed) json.update(error_json(*failed));
  print_json(json);
  if (failed) throw EndWith{newbie::report(*failed, false)};
}

}  // namespace

Command add_overflow(CLI::App& program) {
  CLI::App& parser =
      *program.add_subcommand("overflow", "find what leaves the range of a narrow format, and write what cures it");
  const auto args = std::make_shared<OverflowArguments>();
  Flags flags(parser, "Overflow");
  flags.text("--prompts", args->prompts, "FILE", "many prompts: a JSON object a line, as of newbie generate");
  flags.choice<std::string>(
      "--part", args->part,
      {{"text_encoder", "text_encoder"}, {"clip_model", "clip_model"}, {"transformer", "transformer"}, {"vae", "vae"}},
      "this part alone; an encoder needs no other part of the\nmodel, and reads prompts as they are");
  parser.add_option("--ids", args->ids, "token ids for an encoder instead of a prompt; may be repeated")
      ->type_name("A,B,C")
      ->group("Overflow");
  flags.text("--cure", args->cure, "FILE", "write a --precision-policy that keeps the run in range");
  flags.flag("--sums", args->sums, "the largest sum of |a||b| of every matrix, too; twice the work");
  flags.text("--html", args->html, "FILE", "the whole report with a profile of the layers, as one page");
  flags.integer("--rows", args->rows, fmt::format("lines of each table (default: {})", args->rows), 0, 1000000);
  add_picture_flags(parser, args->picture);
  add_engine_flags(parser, args->engine);
  add_report_flags(parser, args->report);
  parser.footer(R"(Runs in f32 and looks at every value, then in what was asked for (default: --dtype f16). Without a
prompt it is the one of docs/overflow.md. Nothing is drawn.

Examples:
  newbie overflow --precision f16-naive -W 64 -H 64 --steps 4
  newbie overflow --prompts list.jsonl --cure policy.toml --html overflow.html
  newbie overflow --part text_encoder -m gemma-3-270m -p "blue hair" --cure gemma.toml)");
  return {&parser, [&parser, args] { run(parser, *args); }};
}

}  // namespace newbie
