// newbie lora: what adapter files are, and adapters merged, converted and taken out of models.
#include <memory>

#include "adapters/extract.h"
#include "adapters/write.h"
#include "arguments.h"
#include "commands/commands.h"
#include "core/machine.h"
#include "core/printable.h"
#include "file_roles.h"
#include "flags.h"
#include "generate/find_model.h"
#include "generate/merge_adapters.h"
#include "generate/open_adapters.h"
#include "generate/request_fields.h"
#include "interrupt.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct LoraArguments {
  EngineArguments engine;  // of it: where the model is
  std::vector<std::string> files;
  std::string output, tuned;
  std::string folder;  // that names are looked for in
  AdapterForm form = AdapterForm::ComfyUi;
  DType dtype = DType::F32;
  int64_t rank = 0;
  bool whole = false;
  ReportArguments report;
};

// The parts that adapters change.
struct AdaptedParts {
  Transformer transformer;
  TextEncoder text_encoder;
  AdapterBase base;

  AdaptedParts(const ModelPaths& model, Log& log) : AdaptedParts(locate_model(find_model(model)).paths, log, 0) {}

 private:
  AdaptedParts(const ModelPaths& paths, Log& log, int)
      : transformer(open_transformer(paths.transformer, log, paths.strictness)),
        text_encoder(open_text_encoder(paths.text_encoder, log, paths.strictness)),
        base(adapter_base(transformer.weights, transformer.sizes, &text_encoder.weights)) {}
};

// FILE[:STRENGTH], as of newbie generate --lora.
AdapterUse use_of(const std::string& words) {
  GenerateRequest request;
  const RequestField& field = request_field("loras");
  set_field(field, request, value_of_words(field, words));
  return request.adapters.front();
}

// "layers.3.attention.qkv" -> "attention.qkv"
std::string target_of(const AdapterChange& change) {
  const std::string& name = change.weight;
  size_t at = 0;
  for (const char* stack : {"layers.", "noise_refiner.", "context_refiner."})
    if (name.starts_with(stack)) at = name.find('.', std::string_view(stack).size()) + 1;
  return (change.part == AdapterPart::TextEncoder ? "text_encoder: " : "") + name.substr(at);
}

OrderedJson info_json(const Adapter& a) {
  OrderedJson kinds = OrderedJson::object(), targets = OrderedJson::object();
  std::set<int64_t> ranks;
  std::set<double> scales;
  size_t parameters = 0;
  for (const AdapterChange& change : a.changes) {
    const std::string kind = std::string(to_string(change.kind)) + (change.magnitude ? " with magnitudes (DoRA)" : "");
    kinds[kind] = kinds.value(kind, 0) + 1;
    targets[target_of(change)] = targets.value(target_of(change), 0) + 1;
    if (change.rank() != 0) ranks.insert(change.rank());
    scales.insert(change.scale);
    for (const DerivedTensor& factor : change.factors) parameters += factor.spec.shape.elements();
  }
  return {{"path", a.path.string()}, {"name", a.name},          {"sha256", a.hash}, {"naming", a.naming},
          {"modules", a.modules},    {"of_modules", a.modules}, {"keys", a.keys},   {"parameters", parameters},
          {"kinds", kinds},          {"ranks", ranks},          {"scales", scales}, {"targets", targets},
          {"notes", a.notes},        {"metadata", a.metadata}};
}

std::string info_text(const OrderedJson& info) {
  const auto list = [](const OrderedJson& values) {
    std::string out;
    for (const OrderedJson& value : values) out += (out.empty() ? "" : ", ") + format_number(value.get<double>());
    return out;
  };
  std::string out = fmt::format("{}\n  {} of {} modules fit, {} keys, {} parameters, naming: {}\n",
                                in_one_line(info["path"].get<std::string>()), info["modules"].get<size_t>(),
                                info["of_modules"].get<size_t>(), info["keys"].get<size_t>(),
                                info["parameters"].get<size_t>(), info["naming"].get<std::string>());
  for (const auto& [kind, count] : info["kinds"].items()) out += fmt::format("  {} x {}\n", count.get<int>(), kind);
  if (!info["ranks"].empty()) out += fmt::format("  rank {}\n", list(info["ranks"]));
  out += fmt::format("  scale {}\n  sha256 {}\n", list(info["scales"]), info["sha256"].get<std::string>());
  for (const OrderedJson& note : info["notes"])
    out += fmt::format("  note: {}\n", in_one_line(note.get<std::string>()));
  for (const auto& [target, count] : info["targets"].items())
    out += fmt::format("    {:<40}{:>4}\n", in_one_line(target), count.get<int>());
  return out;
}

void info(const LoraArguments& args) {
  Terminal terminal(args.report.verbosity);
  const AdaptedParts parts(args.engine.model, terminal);
  OrderedJson all = OrderedJson::array();
  std::string text;
  for (const std::string& file : args.files) {
    all.push_back(info_json(read_adapter(find_adapter(file, {args.folder}), parts.base)));
    text += info_text(all.back()) + '\n';
  }
  args.report.json ? print_json({{"adapters", all}}) : print(text);
}

void tell_written(const LoraArguments& args, const std::vector<std::filesystem::path>& files, OrderedJson more) {
  OrderedJson list = OrderedJson::array();
  std::string text;
  for (const auto& file : files) {
    list.push_back({{"path", file.string()}, {"bytes", std::filesystem::file_size(file)}});
    text += fmt::format("{:>12}  {}\n", format_bytes(std::filesystem::file_size(file)), in_one_line(file.string()));
  }
  more["files"] = std::move(list);
  if (args.report.json) return print_json(more);
  if (!args.report.verbosity.quiet) print(text);
}

void merge(const LoraArguments& args) {
  Terminal terminal(args.report.verbosity);
  const AdaptedParts parts(args.engine.model, terminal);
  std::vector<AdapterUse> uses;
  for (const std::string& file : args.files) uses.push_back(use_of(file));
  AdapterLibrary library(parts.transformer, parts.text_encoder, {args.folder});
  const std::vector<UsedAdapter> used = library.open(uses, terminal);
  const MergedFiles done = merge_adapters(
      parts.transformer, parts.text_encoder, used, args.output,
      [&](const auto& path) { terminal.stage(path.string()); }, stop_on_signals());
  terminal.clear_bar();
  tell_written(args, done.written, {{"weights", done.weights}});
}

// What the form has no words for, as what it has: whole differences, or a low-rank product near them.
AdapterChange restated(const AdapterChange& change, const AdaptedParts& parts, const LoraArguments& args,
                       ThreadPool& threads, Terminal& terminal) {
  if (change.shape.rank() != 2 || (change.kind == ChangeKind::LowRank && !change.magnitude)) return change;
  const WeightStore& store =
      change.part == AdapterPart::Transformer ? parts.transformer.weights : parts.text_encoder.weights;
  AdapterChange out = change;
  out.magnitude.reset();
  out.scale = 1;
  out.kind = ChangeKind::Difference;
  const DerivedTensor difference = last_difference(store.tensor(change.weight), {{change, 1}});
  if (args.whole) {
    out.factors = {difference};
    return out;
  }
  LowRankApproximation near = low_rank_near(difference, args.rank, threads);
  terminal.info("{}: rank {} keeps all but {} of it", change.weight, near.down.spec.shape[0],
                format_number(near.error));
  out.kind = ChangeKind::LowRank;
  out.factors = {std::move(near.down), std::move(near.up)};
  return out;
}

void convert(const LoraArguments& args) {
  Terminal terminal(args.report.verbosity);
  const AdaptedParts parts(args.engine.model, terminal);
  const Adapter adapter = read_adapter(find_adapter(args.files.front(), {args.folder}), parts.base);
  for (const std::string& note : adapter.notes) terminal.tell("note: " + in_one_line(note));
  const StopToken stop = stop_on_signals();
  std::vector<AdapterChange> changes = adapter.changes;
  if (args.whole || args.rank > 0) {
    ThreadPool threads(usable_cpus());
    for (AdapterChange& change : changes) {
      stop.throw_if_stopped();
      change = restated(change, parts, args, threads, terminal);
    }
  }
  tell_written(args, write_adapter(args.output, changes, parts.base, {.form = args.form, .dtype = args.dtype}, stop),
               {{"modules", adapter.modules}});
}

void extract(const LoraArguments& args) {
  Terminal terminal(args.report.verbosity);
  if (args.whole == (args.rank > 0))
    fail_with_hint(ErrorKind::InvalidRequest, "--rank 32 is usual; --whole keeps everything",
                   "newbie lora extract: expected --rank N or --whole");
  const AdaptedParts parts(args.engine.model, terminal);
  const Transformer tuned = open_transformer(args.tuned, terminal, args.engine.model.strictness);
  ThreadPool threads(usable_cpus());
  OrderedJson weights = OrderedJson::object();
  const StopToken stop = stop_on_signals();
  Extraction how{.rank = args.rank, .on_weight = {}, .stop = stop};
  how.on_weight = [&](const std::string& weight, double error) {
    weights[weight] = error;
    terminal.stage(weight);
  };
  const Extracted done =
      extract_adapter(AdapterPart::Transformer, parts.transformer.weights, tuned.weights, how, threads);
  terminal.clear_bar();
  if (done.changes.empty()) fail(ErrorKind::InvalidRequest, "{}: no weight differs from the model's", args.tuned);
  const std::vector<std::filesystem::path> files =
      write_adapter(args.output, done.changes, parts.base, {.form = args.form, .dtype = args.dtype}, stop);
  if (!args.report.json)
    terminal.tell(fmt::format("{} weights differ, {} are the same; lost of the difference: {}", done.changes.size(),
                              done.unchanged, format_number(done.error)));
  tell_written(args, files, {{"changed", weights}, {"unchanged", done.unchanged}, {"error", done.error}});
}

void add_form_flags(CLI::App& parser, LoraArguments& args) {
  Flags flags(parser, "What is written");
  flags
      .choice<AdapterForm>("--to", args.form,
                           {{"peft", AdapterForm::Peft},
                            {"comfyui", AdapterForm::ComfyUi},
                            {"diffusers", AdapterForm::Diffusers},
                            {"kohya", AdapterForm::Kohya}},
                           "whose form (docs/lora.md says what each can hold);\npeft: a folder, the others: a file")
      ->required();
  flags.choice<DType>("--dtype", args.dtype, {{"f32", DType::F32}, {"bf16", DType::BF16}, {"f16", DType::F16}},
                      "of the factors (default: f32)");
  flags.integer("--rank", args.rank, "low-rank products near what is no product, with their errors", 1, 4096);
  flags.flag("--whole", args.whole, "whole differences of these instead");
  flags.text("-o,--output", args.output, "PATH", "the file, or for peft the folder")->required();
}

// What is written is none of what is read.
void check_output(const CLI::App& parser, const LoraArguments& args) {
  if (args.output.empty()) return;
  Terminal terminal(args.report.verbosity);
  FileRoles roles(parser, {"--output"}, terminal);
  roles.reads_model(find_model(args.engine.model));
  roles.reads_files_of("--lora-dir", args.folder, ".safetensors");
  roles.writes("--output", args.output);
  if (args.form == AdapterForm::Peft)
    for (const char* file : {"adapter_model.safetensors", "adapter_config.json"})
      roles.writes("--output", std::filesystem::path(args.output) / file);
}

struct LoraTool {
  const char *name, *about;
  void (*run)(const LoraArguments&);
  const char *files, *files_about;
  const char* footer;
};
constexpr LoraTool kLoraTools[] = {
    {"info", "tell what adapter files hold, and whether all of it fits the model", info, "FILE...", "adapters", ""},
    {"merge", "write the model's files with adapters merged into them", merge, "FILE...",
     "adapters, each perhaps with :STRENGTH",
     "The parts that change are written to DIR/transformer and DIR/text_encoder, in the dtypes they have.\n\nExample:\n"
     "  newbie lora merge style.safetensors:0.8 -o merged\n"
     "  newbie generate --diffusion-model merged/transformer -p \"1girl\""},
    {"convert", "write an adapter in another form", convert, "FILE", "the adapter",
     "Example:\n  newbie lora convert --to comfyui my_peft_folder -o style.safetensors"},
    {"extract", "write what makes one model of another as an adapter", extract, nullptr, nullptr,
     "Example:\n  newbie lora extract --tuned finetune.safetensors --rank 32 --to comfyui -o "
     "finetune_lora.safetensors"},
};

}  // namespace

Command add_lora(CLI::App& program) {
  CLI::App& group = *program.add_subcommand("lora", "look into adapters, merge, convert and extract them");
  group.require_subcommand(1);
  const auto args = std::make_shared<LoraArguments>();
  std::vector<std::pair<const CLI::App*, void (*)(const LoraArguments&)>> tools;
  for (const LoraTool& tool : kLoraTools) {
    CLI::App& parser = *group.add_subcommand(tool.name, tool.about);
    if (tool.files != nullptr) {
      CLI::Option* files = parser.add_option(tool.files, args->files, tool.files_about)->required()->group("Adapters");
      if (tool.run == convert) files->expected(1);
      Flags(parser, "Adapters").text("--lora-dir", args->folder, "DIR", "where adapters are looked for by name");
    }
    Flags output(parser, "What is written");
    if (tool.run == merge)
      output.text("-o,--output", args->output, "DIR", "the folder; no file that is there is replaced")->required();
    if (tool.run == extract)
      output.text("--tuned", args->tuned, "PATH", "the other transformer: a file or a folder")->required();
    if (tool.run == convert || tool.run == extract) add_form_flags(parser, *args);
    add_model_flags(parser, args->engine);
    add_report_flags(parser, args->report);
    parser.footer(tool.footer);
    tools.emplace_back(&parser, tool.run);
  }
  return {&group, [args, tools] {
            for (const auto& [parser, run] : tools)
              if (parser->parsed()) {
                check_output(*parser, *args);
                run(*args);
              }
          }};
}

}  // namespace newbie
