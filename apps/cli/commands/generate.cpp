// newbie generate: from words to pictures.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "commands/generate_list.h"
#include "core/machine.h"
#include "core/printable.h"
#include "file_roles.h"
#include "flags.h"
#include "from_picture.h"
#include "generate/find_model.h"
#include "generate/known.h"
#include "generate/metadata.h"
#include "generate/result_json.h"
#include "image/flatten.h"
#include "image/grid.h"
#include "image/picture_format.h"
#include "interrupt.h"
#include "lists/prompt_list.h"
#include "memory_log.h"
#include "output_path.h"
#include "plan_report.h"
#include "previews.h"
#include "prompt_check.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct GenerateArguments {
  EngineArguments engine;
  PictureArguments picture;
  ReportArguments report;
  std::optional<std::string> memory_log, shard, grid_x, grid_y;
  ListArguments list;
};

struct WrittenFile {
  std::string path;
  uint64_t seed;
};

std::vector<PictureName> picture_names(const GenerateRequest& r, PictureSize size) {
  std::vector<PictureName> names;
  for (int k = 0; k < r.batch; ++k)
    names.push_back({.seed = r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(k) : r.seed,
                     .index = k,
                     .width = size.width,
                     .height = size.height});
  return names;
}

// The sheet's own path, before any work is done.
OutputPath grid_path(const std::string& name) {
  OutputPath out(name);
  if (out.is_standard_output()) fail(ErrorKind::InvalidRequest, "--grid: expected a file, not standard output");
  return out;
}

std::string summary(std::span<const WrittenFile> files, const PictureName& first, const MemoryPlan& plan,
                    const GenerateResult& result, bool is_default_seed) {
  std::string out;
  for (const WrittenFile& file : files)
    out += fmt::format("{}  {}x{}  seed {}\n", in_one_line(file.path), first.width, first.height, file.seed);
  if (is_default_seed) out += "seed 0 is the default: -s -1 draws another picture each time\n";
  out += "time:";
  for (size_t i = 0; i < result.times.size(); ++i)
    out += fmt::format("{} {} {:.2f} s", i ? "," : "", result.times[i].name, result.times[i].seconds);
  for (size_t i = 0; i < result.estimated_distances.size(); ++i)
    out += fmt::format("{} {:.3f}",
                       i ? "," : "; estimated distance to the converged picture:", result.estimated_distances[i]);
  out += fmt::format("; {} passes of the transformer\nmemory: {} planned, {} measured\n", result.evaluations,
                     format_bytes(plan.peak_bytes()), format_bytes(peak_resident_bytes()));
  return out;
}

OrderedJson report_of(std::span<const WrittenFile> files, const PictureName& first, const TextToImage& engine,
                      const GenerateResult& result) {
  OrderedJson out, pictures = OrderedJson::array();
  for (const WrittenFile& file : files)
    pictures.push_back({{"path", file.path}, {"seed", file.seed}, {"width", first.width}, {"height", first.height}});
  out["version"] = NEWBIE_VERSION;
  out["files"] = pictures;
  out.update(result_json(engine, result));
  return out;
}

[[noreturn]] void refuse_no_prompt() {
  fail_with_hint(ErrorKind::InvalidRequest, "an empty one is -p \"\"",
                 "no prompt: give --prompt, --prompt-file, --prompts or --from");
}

void run(CLI::App& parser, GenerateArguments& args) {
  Terminal terminal(args.report.verbosity);
  const bool has_prompt = read_request(parser, args.picture, args.engine.options.memory_budget_bytes, terminal);
  FileRoles roles(parser, {"--output", "--grid", "--preview", "--memory-log", "--report"}, terminal);
  roles.reads_files_of("--lora-dir", args.engine.options.adapters.folder, ".safetensors");
  if (args.picture.wildcard_folder) roles.reads_files_of("--wildcards", *args.picture.wildcard_folder, ".txt");
  if (args.shard) args.list.shard = parse_shard(*args.shard);
  if (args.grid_x) args.list.grid_x = parse_field_axis("--grid-x", *args.grid_x);
  if (args.grid_y) args.list.grid_y = parse_field_axis("--grid-y", *args.grid_y);
  if (args.list.asked_for()) {
    if (!has_prompt && !args.list.file) refuse_no_prompt();
    args.list.has_prompt = has_prompt;
    args.list.has_random_seed = parser.count("--seed") > 0 && parser["--seed"]->results().back() == "-1";
    args.list.names_output = parser.count("--output") > 0;
    return generate_list(args.list, roles, args.engine, args.picture, args.report, args.memory_log);
  }
  if (!has_prompt) refuse_no_prompt();
  resolve_prompts(args.picture, args.picture.request);
  const GenerateRequest& request = args.picture.request;
  check_request(request);
  const OutputPath output(args.picture.output);
  if (output.is_standard_output() && (request.batch != 1 || args.report.json))
    fail(ErrorKind::InvalidRequest, "--output -: standard output takes one picture and nothing else");
  check_show(args.picture, args.report, output);

  const StopToken stop = stop_on_signals();
  MemoryLog memory_log(args.memory_log, terminal);
  const ModelPaths model = find_model(args.engine.model);
  roles.reads_model(model);
  if (args.memory_log) roles.writes("--memory-log", *args.memory_log);
  TextToImage engine = TextToImage::open(model, args.engine.options, terminal);
  memory_log.opened(engine);
  if (args.picture.recalled) tell_differences(*args.picture.recalled, request, engine, terminal);
  const std::vector<PictureName> names = picture_names(request, engine.final_size(request));
  std::vector<std::filesystem::path> paths;
  if (!output.is_standard_output()) {
    paths = output.expand(names);
    output.check_writable(paths);
    for (const std::filesystem::path& path : paths) roles.writes("--output", path);
  }
  std::optional<OutputPath> sheet;
  std::vector<std::filesystem::path> sheet_path;
  if (args.picture.grid) {
    sheet = grid_path(*args.picture.grid);
    sheet_path = sheet->expand(std::span(names).first(1));
    sheet->check_writable(sheet_path);
    roles.writes("--grid", sheet_path.front());
  }
  Previews previews(args.picture, terminal, paths, roles);
  warn_of_unused(args.picture, output, terminal);
  const std::optional<KnownThings> known = read_known(model.folder);
  if (known) warn_of_unknown(*known, request, engine.final_size(request), terminal);
  warn_of_slips(request, terminal);
  Job job = engine.prepare(request);
  memory_log.planned(job);
  memory_log.begin();
  terminal.info("{} threads, {}", engine.threads(), engine.precision_name());
  for (const std::string& reason : engine.precision_reasons()) terminal.info("{}", reason);
  if (args.report.verbosity.verbose) terminal.tell(plan_table(job.plan()));

  std::vector<Image> drawn;  // for the sheet

  std::vector<WrittenFile> files;
  const GenerateResult result = job.run(memory_log.watch(previews), stop, [&](const GeneratedImage& picture) {
    std::vector<TextChunk> texts{{"parameters", picture.parameters}, {kRequestKey, picture.request_json}};
    if (args.list.no_metadata) texts.clear();
    const std::vector<std::byte> bytes = encode_picture(output.format(), picture.image, texts, args.picture.quality);
    if (sheet) drawn.push_back(flatten(picture.image, 255));
    if (output.is_standard_output()) {
      write_standard_output(bytes);
      files.push_back({"-", picture.seed});
    } else {
      output.save(paths[files.size()], bytes);
      files.push_back({paths[files.size()].string(), picture.seed});
    }
    previews.show(picture.image);
  });
  memory_log.finish();
  terminal.clear_bar();
  if (sheet) sheet->save(sheet_path.front(), encode_picture(sheet->format(), grid_of(drawn), {}, args.picture.quality));
  if (args.report.json) return print_json(report_of(files, names.front(), engine, result));
  if (args.report.verbosity.quiet) return;
  const std::string text = summary(files, names.front(), result.plan, result, parser.count("--seed") == 0);
  output.is_standard_output() ? terminal.tell(text) : print(text);
}

}  // namespace

Command add_generate(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("generate", "draw pictures from a prompt");
  const auto args = std::make_shared<GenerateArguments>();
  add_picture_flags(parser, args->picture);
  Flags(parser, "Picture").flag("--no-metadata", args->list.no_metadata, "pictures say nothing of how they were drawn");
  Flags many(parser, "Many pictures");
  many.text("--prompts", args->list.file, "FILE",
            fmt::format("many requests with one load: a prompt a line, a .csv with keys in its first\nrow, or a .jsonl "
                        "with objects; - reads standard input; with any of\n{};\nthe flags say the rest",
                        prompt_list_keys()));
  many.text("--grid-x", args->grid_x, "FIELD=A,B",
            "a column for each value of a field, on a labelled sheet (--grid, else\ngrid.png); ; parts values with "
            "commas");
  many.text("--grid-y", args->grid_y, "FIELD=A,B", "a row for each value of another");
  many.text("--shard", args->shard, "I/N|auto",
            "draw the I-th of N shares; auto: as Slurm, an Indexed Job, Open MPI say\n(docs/many.md)");
  many.flag("--skip-existing", args->list.skip_existing,
            "leave out pictures that are there, drawn from this very request");
  many.flag("--keep-going", args->list.keep_going, "go on after a line that cannot be drawn");
  many.text("--report", args->list.report, "FILE",
            "what became of each picture: JSON lines, or a table (.csv); with --shard\nreport-I-of-N.jsonl beside the "
            "pictures");
  add_engine_flags(parser, args->engine);
  Flags(parser, "Engine")
      .text("--memory-log", args->memory_log, "FILE.jsonl",
            "memory at every stage and step, as JSON lines (newbie memory-report)");
  add_report_flags(parser, args->report);
  parser.footer(R"(Examples:
  newbie generate -p "1girl, solo, blue hair, smile" -s 7 -o girl.png
  newbie generate --prompt-file prompt.xml -s -1 -b 4 -o pictures/
  newbie generate -p "1boy, red hair" --profile official-demo --steps 28
  newbie generate -p "1girl, smile" -i photo.jpg --strength 0.6 -o girl.webp
  newbie generate --from girl.webp --steps 40 -o again.png
  newbie generate --prompts list.jsonl -o pictures/%03d.png
  newbie generate -p "1girl" --grid-x steps=10,20,28 --grid-y cfg-scale=3,4.5 -o grid/)");
  return {&parser, [&parser, args] { run(parser, *args); }};
}

}  // namespace newbie
