// newbie convert: a model from one layout to another.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/printable.h"
#include "flags.h"
#include "generate/convert_gguf.h"
#include "generate/convert_model.h"
#include "generate/find_model.h"
#include "interrupt.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct ConvertArguments {
  ConversionForm form = ModelForm::Folder;
  bool is_type_given = false;
  ModelPaths source;
  std::string destination;
  ReportArguments report;
};

void run(const ConvertArguments& args) {
  if (args.is_type_given && args.form.form != ModelForm::Gguf)
    fail_with_hint(ErrorKind::InvalidRequest, "convert with --to gguf", "--type is of GGUF files");
  Terminal terminal(args.report.verbosity);
  const StopToken stop = stop_on_signals();
  const Conversion done = convert_model(
      args.source, args.destination, args.form, terminal, [&](const auto& path) { terminal.stage(path.string()); },
      stop);
  terminal.clear_bar();
  if (args.report.json) {
    OrderedJson files = OrderedJson::array();
    for (const ConvertedFile& file : done.files) files.push_back({{"path", file.path.string()}, {"bytes", file.bytes}});
    return print_json({{"files", files}, {"notes", done.notes}});
  }
  for (const std::string& note : done.notes) terminal.tell("note: " + in_one_line(note));
  if (args.report.verbosity.quiet) return;
  for (const ConvertedFile& file : done.files)
    print(fmt::format("{:>12}  {}\n", format_bytes(file.bytes), in_one_line(file.path.string())));
}

std::string gguf_types() {
  std::string out = "of GGUF:";
  for (const GgufMix& mix : gguf_mixes()) out += fmt::format(" {}", mix.name);
  return out + "\n(default: q8_0)";
}

}  // namespace

Command add_convert(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("convert", "write a model in another layout");
  const auto args = std::make_shared<ConvertArguments>();
  Flags flags(parser, "Conversion");
  flags
      .choice<ModelForm>("--to", args->form.form,
                         {{"folder", ModelForm::Folder}, {"comfyui", ModelForm::ComfyUi}, {"gguf", ModelForm::Gguf}},
                         "folder: transformer, text_encoder, clip_model, vae;\n"
                         "comfyui: single files with tokenizers and configurations inside;\n"
                         "gguf: the same, transformer and Gemma as GGUF")
      ->required();
  flags.value("--type", "TYPE", gguf_types(), [args](const std::string& given) {
    args->form.gguf_type = given;
    args->is_type_given = true;
  });
  flags.value("--dtype", "int8", "the transformer's weights as generate --dtype int8 makes them: half the disk",
              [args](const std::string& given) {
                if (given != "int8") fail(ErrorKind::InvalidRequest, "--dtype: expected int8, got {}", given);
                args->form.int8 = true;
              });
  flags.text("SRC", args->source.folder, "DIR", "the model: any layout newbie generate reads")->required();
  flags.text("DST", args->destination, "DIR", "the folder; no file that is there is replaced")->required();
  flags.value_flag("--lenient", args->source.strictness, Strictness::Lenient,
                   "read files whose header is padded with NUL bytes");
  add_report_flags(parser, args->report);
  parser.footer(R"(Stored dtypes are kept; quantised weights become bf16. Jina CLIP's text adapter is merged
on the way to ComfyUI's form: a folder made from it holds merged weights.

Examples:
  newbie convert --to comfyui models/NewBie-image ~/ComfyUI/models
  newbie convert --to gguf --type q4_0 models/NewBie-image models/small)");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
