// newbie export: a model's networks for other runtimes. onnx.
#include "onnx/export.h"

#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/printable.h"
#include "flags.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct ExportArguments {
  EngineArguments engine;
  PictureArguments picture;
  OnnxExportRequest request;
  std::vector<std::string> tokens, clip_tokens;
  std::string folder;
  ReportArguments report;
};

std::vector<int64_t> counts(const char* flag, const std::vector<std::string>& given) {
  std::vector<int64_t> out;
  for (const std::string& text : given) out.push_back(parse_integer(flag, text));
  return out;
}

void run(CLI::App& parser, ExportArguments& args) {
  Terminal terminal(args.report.verbosity);
  // Without a prompt: an empty one.
  complete_request(parser, args.picture, args.engine.options.memory_budget_bytes, terminal);
  args.request.picture = args.picture.request;
  args.request.tokens = counts("--tokens", args.tokens);
  args.request.clip_tokens = counts("--clip-tokens", args.clip_tokens);
  args.request.version = NEWBIE_VERSION;
  EngineOptions& options = args.engine.options;
  // What this machine computes fast says nothing about the one that the files are for.
  if (options.precision == PrecisionRequest{}) options.precision = PrecisionRequest::F32;
  const OnnxExport done = export_onnx(
      find_model(args.engine.model), options, args.request, args.folder, terminal,
      [&](const auto& path) { terminal.stage(path.string()); }, stop_on_signals());
  terminal.clear_bar();
  if (args.report.json) {
    OrderedJson files = OrderedJson::array(), kept = OrderedJson::array();
    for (const ConvertedFile& file : done.files) files.push_back({{"path", file.path.string()}, {"bytes", file.bytes}});
    for (const auto& path : done.kept) kept.push_back(path.string());
    return print_json({{"files", files}, {"kept", kept}});
  }
  if (args.report.verbosity.quiet) return;
  for (const auto& path : done.kept) print(fmt::format("{:>12}  {}\n", "is there", in_one_line(path.string())));
  for (const ConvertedFile& file : done.files)
    print(fmt::format("{:>12}  {}\n", format_bytes(file.bytes), in_one_line(file.path.string())));
}

}  // namespace

Command add_export(CLI::App& program) {
  CLI::App& group = *program.add_subcommand("export", "write the networks for other runtimes");
  group.require_subcommand(1);
  CLI::App& parser = *group.add_subcommand("onnx", "write ONNX models, for ONNX Runtime, OpenVINO and others");
  const auto args = std::make_shared<ExportArguments>();
  Flags flags(parser, "Export");
  flags.text("DIR", args->folder, "DIR", "a new or empty folder, or one with an export of the same weights")
      ->required();
  flags.values("--tokens", "N", "networks for texts of so many tokens, too (Gemma's); can be given several times",
               args->tokens);
  flags.values("--clip-tokens", "N", "the same of Jina CLIP's tokens", args->clip_tokens);
  flags.flag("--samples", args->request.samples,
             "draw the picture, and keep what went into each network and came out of it");
  add_picture_flags(parser, args->picture);
  add_engine_flags(parser, args->engine);
  add_report_flags(parser, args->report);
  parser.footer(R"(Shapes are fixed: a network is for one picture size and one number of tokens, those of the prompt
and the negative prompt. Called again for another prompt or size, it adds networks and keeps the weights. Without a
prompt the networks are for an empty one; without --dtype they are in f32.

Examples:
  newbie export onnx onnx-model -p "1girl" -W 128 -H 128
  newbie export onnx npu --dtype f16 --prompt-file prompt.xml
  python3 examples/onnx_draw.py onnx-model -o picture.png)");
  return {&parser, [&parser, args] { run(parser, *args); }};
}

}  // namespace newbie
