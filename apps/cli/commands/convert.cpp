// newbie convert: a model from one layout to another.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "generate/find_model.h"
#include "flags.h"
#include "generate/convert_model.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct ConvertArguments {
  ModelForm form = ModelForm::Folder;
  ModelPaths source;
  std::string destination;
  ReportArguments report;
};

void run(const ConvertArguments& args) {
  Terminal terminal(args.report.verbosity);
  const Conversion done = convert_model(args.source, args.destination, args.form, terminal,
                                        [&](const auto& path) { terminal.on_stage(path.string()); });
  terminal.clear_bar();
  if (args.report.json) {
    OrderedJson files = OrderedJson::array();
    for (const ConvertedFile& file : done.files) files.push_back({{"path", file.path.string()}, {"bytes", file.bytes}});
    return print_json({{"files", files}, {"notes", done.notes}});
  }
  for (const std::string& note : done.notes) terminal.tell("note: " + note);
  if (args.report.verbosity.quiet) return;
  for (const ConvertedFile& file : done.files)
    print(fmt::format("{:>12}  {}\n", format_bytes(file.bytes), file.path.string()));
}

}  // namespace

Command add_convert(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("convert", "write a model in another layout");
  const auto args = std::make_shared<ConvertArguments>();
  Flags flags(parser, "Conversion");
  flags
      .choice<ModelForm>("--to", args->form, {{"folder", ModelForm::Folder}, {"comfyui", ModelForm::ComfyUi}},
                         "folder: transformer, text_encoder, clip_model, vae;\n"
                         "comfyui: single files with tokenizers and configurations inside")
      ->required();
  flags.text("SRC", args->source.folder, "DIR", "the model: any layout newbie generate reads")->required();
  flags.text("DST", args->destination, "DIR", "a new or empty folder")->required();
  flags.value_flag("--lenient", args->source.strictness, Strictness::Lenient,
                   "read files whose header is padded with NUL bytes");
  add_report_flags(parser, args->report);
  parser.footer(R"(Stored dtypes are kept; scaled 8-bit weights become bf16. Jina CLIP's text adapter is merged
on the way to ComfyUI's form: a folder made from it holds merged weights.

Example:
  newbie convert --to comfyui models/NewBie-image ~/ComfyUI/models)");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
