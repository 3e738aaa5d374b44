#include "commands/generate_list.h"

#include <map>
#include <utility>

#include "core/error.h"
#include "core/machine.h"
#include "generate/find_model.h"
#include "generate/known.h"
#include "generate/metadata.h"
#include "generate/request_json.h"
#include "generate/request_notes.h"
#include "image/picture_format.h"
#include "interrupt.h"
#include "memory_log.h"
#include "output_path.h"
#include "previews.h"
#include "prompt_check.h"
#include "prompt_list.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

// A line, and where its pictures go.
struct LineJob {
  const ListedRequest* listed;
  std::vector<PictureName> names;
  OutputPath output;
  std::vector<fs::path> paths;
};

// What `work` gives; its errors open with the line's place.
template <typename Work>
auto told_with(const ListedRequest& one, Work work) {
  try {
    return work();
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{}: {}", one.where, e.message()), e.hint());
  }
}

// The pictures that all lines start from, kept once.
struct BasePictures {
  std::optional<Image> init_image, mask;

  explicit BasePictures(GenerateRequest& request)
      : init_image(std::exchange(request.init_image, std::nullopt)), mask(std::exchange(request.mask, std::nullopt)) {}

  GenerateRequest with(GenerateRequest request) const {
    request.init_image = init_image;
    request.mask = mask;
    return request;
  }
};

OutputPath output_of(const std::string& pattern, const std::string& name_in_folder = "{seed}.png") {
  OutputPath output(pattern, name_in_folder.c_str());
  if (output.is_standard_output())
    fail(ErrorKind::InvalidRequest, "--output -: standard output takes one picture, --prompts makes many");
  return output;
}

// "%03d.png": wide enough that names sort as the pictures do.
std::string numbered_names(const std::vector<ListedRequest>& list) {
  size_t pictures = 0;
  for (const ListedRequest& one : list) pictures += static_cast<size_t>(one.request.batch);
  constexpr size_t kLeastDigits = 3;
  return fmt::format("%0{}d.png", std::max(kLeastDigits, std::to_string(pictures).size()));
}

std::vector<LineJob> make_jobs(const std::vector<ListedRequest>& list, const std::string& pattern,
                               const TextToImage& engine, const BasePictures& base, FileRoles& roles, Log& log) {
  const OutputPath shared = output_of(pattern, numbered_names(list));
  std::vector<LineJob> jobs;
  std::vector<PictureName> shared_names;
  int index = 0;
  for (const ListedRequest& one : list) {
    const GenerateRequest& r = one.request;
    LineJob job{&one, {}, shared, {}};
    const auto size = told_with(one, [&] { return engine.final_size(base.with(r)); });
    for (int k = 0; k < r.batch; ++k)
      job.names.push_back({.seed = r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(k) : r.seed,
                           .index = index++,
                           .width = size.width,
                           .height = size.height});
    if (one.output)
      told_with(one, [&] {
        job.output = output_of(*one.output);
        job.paths = job.output.expand(job.names);
      });
    else
      shared_names.insert(shared_names.end(), job.names.begin(), job.names.end());
    jobs.push_back(std::move(job));
  }

  const std::vector<fs::path> shared_paths = shared.expand(shared_names);
  auto next = shared_paths.begin();
  std::map<fs::path, const ListedRequest*> taken;
  for (LineJob& job : jobs) {
    if (!job.listed->output) {
      job.paths.assign(next, next + static_cast<std::ptrdiff_t>(job.names.size()));
      next += static_cast<std::ptrdiff_t>(job.names.size());
    }
    for (const fs::path& path : job.paths) {
      const auto [other, is_new] = taken.emplace(fs::absolute(path).lexically_normal(), job.listed);
      if (!is_new)
        fail_with_hint(ErrorKind::InvalidRequest, "put {index} or {seed} into the names",
                       "{}: {} is the name of a picture of {}, too", job.listed->where, path.string(),
                       other->second->where);
    }
    told_with(*job.listed, [&] {
      job.output.check_writable(job.paths);
      for (const fs::path& path : job.paths) roles.writes(job.listed->output ? "\"output\"" : "--output", path);
    });
    for (const fs::path& path : OutputPath::existing(job.paths))
      log.warn("{} is there already and will be replaced", path.string());
  }
  return jobs;
}

// What two lines must have alike to need about the same memory.
std::string all_but_words(const GenerateRequest& request) {
  OrderedJson json = request_to_json(request);
  for (const char* words : {"prompt", "negative_prompt", "system_prompt", "seed"}) json.erase(words);
  return json.dump();
}

// Sizes and memory, before anything is drawn. A plan compiles networks, so there is one for each kind of line, that of
// its longest prompt: no other line of that kind needs more by much.
void plan_all(TextToImage& engine, const std::vector<ListedRequest>& list, const BasePictures& base, StopToken stop) {
  std::map<std::string, const ListedRequest*> longest;
  const auto length = [](const ListedRequest* one) { return one->request.prompt.size(); };
  for (const ListedRequest& one : list) {
    const auto [known, is_new] = longest.emplace(all_but_words(one.request), &one);
    if (!is_new && length(&one) > length(known->second)) known->second = &one;
  }
  for (const auto& [size, one] : longest) {
    stop.throw_if_stopped();
    told_with(*one, [&, &request = one->request] { engine.prepare(base.with(request)); });
  }
}

}  // namespace

void generate_list(const ListArguments& arguments, FileRoles& roles, EngineArguments& engine_arguments,
                   PictureArguments& picture, const ReportArguments& report,
                   const std::optional<std::string>& memory_log_file) {
  if (picture.grid) fail(ErrorKind::InvalidRequest, "--grid: not with --prompts, whose pictures may have any size");
  check_show(picture, report, OutputPath(picture.output));
  const BasePictures base(picture.request);
  const std::vector<ListedRequest> list = read_prompt_list(arguments.file, picture, arguments.has_prompt);
  Terminal terminal(report.verbosity);
  const StopToken stop = stop_on_signals();
  MemoryLog memory_log(memory_log_file, terminal);
  const ModelPaths model = find_model(engine_arguments.model);
  roles.reads_model(model);
  if (memory_log_file) roles.writes("--memory-log", *memory_log_file);
  TextToImage engine = TextToImage::open(model, engine_arguments.options, terminal);
  memory_log.opened(engine);
  const std::vector<LineJob> jobs =
      make_jobs(list, arguments.names_output ? picture.output : ".", engine, base, roles, terminal);
  plan_all(engine, list, base, stop);
  const std::optional<KnownThings> known = read_known(model.folder);
  for (const ListedRequest& one : list) {
    for (const std::string& note : request_notes(one.request)) terminal.warn("{}: {}", one.where, note);
    if (known) warn_of_unknown(*known, one.request, engine.final_size(base.with(one.request)), terminal);
    warn_of_slips(one.request, terminal);
  }

  std::vector<fs::path> outputs;
  for (const LineJob& job : jobs) outputs.insert(outputs.end(), job.paths.begin(), job.paths.end());
  Previews previews(picture, terminal, outputs, roles);
  memory_log.begin();

  OrderedJson files = OrderedJson::array();
  std::map<std::string, double> seconds;
  int64_t evaluations = 0, shortened = 0;
  OrderedJson guard = OrderedJson::array();
  for (const LineJob& job : jobs) {
    size_t k = 0;
    Job drawing = engine.prepare(base.with(job.listed->request));
    memory_log.planned(drawing);
    const GenerateResult result = drawing.run(memory_log.watch(previews), stop, [&](const GeneratedImage& drawn) {
      const TextChunk texts[] = {{"parameters", drawn.parameters}, {kRequestKey, drawn.request_json}};
      job.output.save(job.paths[k], encode_picture(job.output.format(), drawn.image, texts, picture.quality));
      const PictureName& name = job.names[k];
      const std::string path = job.paths[k++].string();
      terminal.clear_bar();
      files.push_back({{"path", path},
                       {"line", job.listed->where},
                       {"seed", drawn.seed},
                       {"width", name.width},
                       {"height", name.height}});
      if (!report.json && !report.verbosity.quiet)
        print(fmt::format("{}  {}x{}  seed {}\n", path, name.width, name.height, drawn.seed));
      previews.show(drawn.image);
    });
    for (const StageTime& time : result.times) seconds[time.name] += time.seconds;
    evaluations += result.evaluations;
    if (!result.guard_events.empty())
      guard.push_back({{"line", job.listed->where}, {"events", guard_json(result.guard_events)}});
    shortened += result.shortened_evaluations;
  }
  memory_log.finish();
  if (report.json) {
    OrderedJson out;
    out["version"] = NEWBIE_VERSION;
    out["files"] = files;
    out["seconds"] = seconds;
    out["evaluations"] = evaluations;
    out["shortened_evaluations"] = shortened;
    out["precision"] = {{"name", engine.precision_name()}, {"reasons", engine.precision_reasons()}};
    out["guard"] = guard;
    out["threads"] = engine.threads();
    out["memory"] = {{"measured_peak_bytes", peak_resident_bytes()}};
    return print_json(out);
  }
  if (!report.verbosity.quiet)
    print(fmt::format("{} pictures of {} lines in {:.2f} s; {} passes of the transformer; memory: {} measured\n",
                      files.size(), jobs.size(), seconds["total"], evaluations, format_bytes(peak_resident_bytes())));
}

}  // namespace newbie
