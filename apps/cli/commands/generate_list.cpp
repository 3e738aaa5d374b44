#include "commands/generate_list.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/machine.h"
#include "core/printable.h"
#include "generate/find_model.h"
#include "generate/known.h"
#include "generate/metadata.h"
#include "generate/request_json.h"
#include "generate/request_notes.h"
#include "image/flatten.h"
#include "image/grid.h"
#include "image/picture_format.h"
#include "interrupt.h"
#include "lists/list_report.h"
#include "lists/prompt_list.h"
#include "memory_log.h"
#include "output_path.h"
#include "previews.h"
#include "prompt_check.h"
#include "standard_streams.h"
#include "units.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxPictureBytes = size_t{1} << 30;

// A line, and where its pictures go.
struct LineJob {
  ListedRequest* listed;
  std::vector<PictureName> names;
  OutputPath output;
  std::vector<fs::path> paths;
};

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

OutputPath made_of_many(OutputPath output) {
  if (output.is_standard_output())
    fail(ErrorKind::InvalidRequest, "--output -: standard output takes one picture, lists and grids make many");
  return output;
}

// "%03d.png": wide enough that names sort as the pictures do.
std::string numbered_names(const std::vector<ListedRequest>& list) {
  size_t pictures = 0;
  for (const ListedRequest& one : list) pictures += static_cast<size_t>(one.request.batch);
  constexpr size_t kLeastDigits = 3;
  return fmt::format("%0{}d.png", std::max(kLeastDigits, std::to_string(pictures).size()));
}

// What two lines must have alike to need about the same memory.
std::string all_but_words(const GenerateRequest& request) {
  OrderedJson json = request_to_json(request);
  for (const char* words : {"prompt", "negative_prompt", "system_prompt", "seed"}) json.erase(words);
  return json.dump();
}

// The sheet of a grid, and where it goes.
struct Sheet {
  OutputPath output;
  std::vector<fs::path> path;
  std::vector<std::string> columns, rows;
  std::vector<Image> pictures;  // by their numbers
};

class ListRun {
 public:
  ListRun(const ListArguments& arguments, FileRoles& roles, EngineArguments& engine, PictureArguments& picture,
          const ReportArguments& report, const std::optional<std::string>& memory_log_file)
      : arguments_(arguments),
        roles_(roles),
        picture_(picture),
        report_(report),
        base_(picture.request),
        list_(read_list()),
        terminal_(report.verbosity),
        stop_(stop_on_signals()),
        memory_log_(memory_log_file, terminal_),
        model_(find_model(engine.model)),
        engine_((roles.reads_model(model_), TextToImage::open(model_, engine.options, terminal_))) {
    if (memory_log_file) roles.writes("--memory-log", *memory_log_file);
    memory_log_.opened(engine_);
  }

  void run() {
    if (arguments_.shard)
      terminal_.info("shard {} of {}, by {}", arguments_.shard->index, arguments_.shard->count,
                     arguments_.shard->source);
    make_jobs();
    open_sheet();
    plan_all();
    warn();
    std::vector<fs::path> outputs;
    for (const LineJob& job : jobs_) outputs.insert(outputs.end(), job.paths.begin(), job.paths.end());
    Previews previews(picture_, terminal_, outputs, roles_);
    ListReport written(report_path(), facts());
    written_ = &written;
    previews_ = &previews;
    memory_log_.begin();
    for (LineJob& job : jobs_) draw_line(job);
    memory_log_.finish();
    written.finish();
    if (sheet_) save_sheet();
    tell();
    if (first_problem_)
      throw Error(first_problem_->kind(),
                  fmt::format("{} of {} pictures were not drawn; the first: {}", failed_, own_pictures(),
                              first_problem_->message()),
                  first_problem_->hint());
  }

 private:
  std::vector<ListedRequest> read_list() {
    const bool is_grid = arguments_.grid_x || arguments_.grid_y;
    if (arguments_.file && is_grid) fail(ErrorKind::InvalidRequest, "--grid-x, --grid-y: not with --prompts");
    if (picture_.grid && !is_grid && arguments_.file)
      fail(ErrorKind::InvalidRequest, "--grid: not with --prompts, whose pictures may have any size");
    if (picture_.grid && !is_grid)
      fail(ErrorKind::InvalidRequest, "--grid: not with --shard, --skip-existing, --keep-going and --report");
    if (is_grid && picture_.request.batch != 1)
      fail(ErrorKind::InvalidRequest, "--grid-x, --grid-y: one picture for each place, not --batch-count {}",
           picture_.request.batch);
    if (is_grid && is_sharded())
      fail_with_hint(ErrorKind::InvalidRequest, "a list of prompts can be shared out",
                     "--grid-x, --grid-y: a sheet needs all of its pictures, not those of one shard");
    if (arguments_.skip_existing && arguments_.no_metadata)
      fail(ErrorKind::InvalidRequest,
           "--skip-existing: not with --no-metadata: a picture has to say what it was drawn from");
    check_show(picture_, report_, OutputPath(picture_.output));
    std::vector<ListedRequest> out;
    if (arguments_.file) {
      out = read_prompt_list(*arguments_.file, picture_, arguments_.has_prompt,
                             arguments_.keep_going ? BadLines::Kept : BadLines::Refused);
    } else {
      out = grid_requests(arguments_.grid_x, arguments_.grid_y, picture_);
      for (ListedRequest& one : out) one.has_random_seed = arguments_.has_random_seed && !is_grid;
    }
    if (is_sharded())
      for (const ListedRequest& one : out)
        if (one.has_random_seed || (arguments_.has_random_seed && arguments_.file))
          fail_with_hint(ErrorKind::InvalidRequest, "give a seed",
                         "{}: with --shard a random seed is another one on every machine", told_where(one));
    return out;
  }

  bool is_sharded() const { return arguments_.shard && arguments_.shard->count > 1; }
  static std::string told_where(const ListedRequest& one) { return one.where.empty() ? "--seed" : one.where; }
  bool is_own(const PictureName& name) const {
    return !arguments_.shard || arguments_.shard->holds(static_cast<size_t>(name.index));
  }
  bool has_own(const LineJob& job) const {
    return std::ranges::any_of(job.names, [&](const PictureName& name) { return is_own(name); });
  }
  size_t own_pictures() const {
    size_t out = 0;
    for (const LineJob& job : jobs_)
      out += static_cast<size_t>(std::ranges::count_if(job.names, [&](const PictureName& n) { return is_own(n); }));
    return out;
  }

  // What `work` throws becomes the line's problem where the run is to go on.
  template <typename Work>
  void try_line(ListedRequest& one, Work work) {
    try {
      work();
    } catch (const Error& e) {
      Error told(e.kind(), one.where.empty() ? e.message() : fmt::format("{}: {}", one.where, e.message()), e.hint());
      if (!arguments_.keep_going || e.kind() == ErrorKind::Cancelled || e.kind() == ErrorKind::Internal) throw told;
      one.problem = std::move(told);
    }
  }

  std::vector<fs::path> expand(const OutputPath& output, const std::vector<PictureName>& names) const {
    return arguments_.shard || arguments_.skip_existing ? output.expand_again(names) : output.expand(names);
  }

  // Numbers, names and seeds of the whole run, whoever draws them.
  void make_jobs() {
    const std::string pattern = arguments_.names_output ? picture_.output : ".";
    const OutputPath shared = made_of_many(OutputPath(pattern, numbered_names(list_).c_str()));
    folder_ = shared.folder();
    std::vector<PictureName> shared_names;
    int index = 0;
    for (ListedRequest& one : list_) {
      const GenerateRequest& r = one.request;
      LineJob job{&one, {}, shared, {}};
      PictureSize size{0, 0};
      if (!one.problem) try_line(one, [&] { size = engine_.final_size(base_.with(r)); });
      for (int k = 0; k < r.batch; ++k)
        job.names.push_back({.seed = r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(k) : r.seed,
                             .index = index++,
                             .width = size.width,
                             .height = size.height});
      if (one.output && !one.problem)
        try_line(one, [&] {
          job.output = made_of_many(shared.inside(*one.output));
          job.paths = expand(job.output, job.names);
        });
      if (!one.output || one.problem) shared_names.insert(shared_names.end(), job.names.begin(), job.names.end());
      jobs_.push_back(std::move(job));
    }
    pictures_ = static_cast<size_t>(index);
    const std::vector<fs::path> shared_paths = expand(shared, shared_names);
    auto next = shared_paths.begin();
    std::map<fs::path, const ListedRequest*> taken;
    for (LineJob& job : jobs_) {
      if (job.paths.empty()) {
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
      if (!has_own(job) || job.listed->problem) continue;
      try_line(*job.listed, [&] {
        job.output.check_writable(job.paths);
        for (size_t k = 0; k < job.paths.size(); ++k)
          write(job.listed->output ? "\"output\"" : "--output", job.paths[k], is_own(job.names[k]));
      });
    }
  }

  // A run that goes on replaces what is not as it should be, picture by picture, and tells it then.
  void write(const char* role, const fs::path& path, bool is_own = true) {
    arguments_.skip_existing || !is_own ? roles_.takes(role, path) : roles_.writes(role, path);
  }

  void open_sheet() {
    if (!arguments_.grid_x && !arguments_.grid_y) return;
    constexpr const char* kName = "grid.png";
    const std::string pattern = arguments_.names_output ? picture_.output : ".";
    const OutputPath beside =
        OutputPath(pattern, kName).is_folder() ? OutputPath(pattern, kName) : OutputPath((folder_ / kName).string());
    const OutputPath output = picture_.grid ? OutputPath(*picture_.grid) : beside;
    if (output.is_standard_output()) fail(ErrorKind::InvalidRequest, "--grid: expected a file, not standard output");
    const std::vector<fs::path> path = expand(output, {jobs_.front().names.front()});
    output.check_writable(path);
    write("--grid", path.front());
    const auto labels = [](const std::optional<FieldAxis>& axis) {
      return axis ? axis->labels() : std::vector<std::string>{""};
    };
    sheet_ = Sheet{output, path, labels(arguments_.grid_x), labels(arguments_.grid_y), {}};
    sheet_->pictures.resize(pictures_);
  }

  // Sizes and memory, before anything is drawn. A plan compiles networks, so there is one for each kind of line, that
  // of its longest prompt: no other line of that kind needs more by much.
  void plan_all() {
    std::map<std::string, ListedRequest*> longest;
    const auto length = [](const ListedRequest* one) { return one->request.prompt.size(); };
    for (LineJob& job : jobs_) {
      if (job.listed->problem || !has_own(job)) continue;
      const auto [known, is_new] = longest.emplace(all_but_words(job.listed->request), job.listed);
      if (!is_new && length(job.listed) > length(known->second)) known->second = job.listed;
    }
    for (const auto& [size, one] : longest) {
      stop_.throw_if_stopped();
      try_line(*one, [&, &request = one->request] { engine_.prepare(base_.with(request)); });
    }
  }

  void warn() {
    const std::optional<KnownThings> known = read_known(model_.folder);
    for (const LineJob& job : jobs_) {
      const ListedRequest& one = *job.listed;
      if (one.problem || !has_own(job)) continue;
      for (const std::string& note : request_notes(one.request))
        terminal_.warn("{}{}{}", one.where, one.where.empty() ? "" : ": ", note);
      if (known)
        warn_of_unknown(*known, one.request, PictureSize{job.names.front().width, job.names.front().height}, terminal_);
      warn_of_slips(one.request, terminal_);
    }
  }

  fs::path report_path() {
    fs::path out;
    if (arguments_.report)
      out = *arguments_.report;
    else if (arguments_.shard)
      out = folder_ / fmt::format("report-{}-of-{}.jsonl", arguments_.shard->index, arguments_.shard->count);
    if (out.empty()) return out;
    write("--report", out);
    std::error_code ignored;
    if (out.has_parent_path() && arguments_.names_output && picture_.output.ends_with('/'))
      fs::create_directory(out.parent_path(), ignored);  // the folder that the pictures will be in
    return out;
  }

  RunFacts facts() const {
    const PrecisionPolicy& policy = engine_.precision().policy;
    return {.pictures = pictures_,
            .shard = arguments_.shard ? arguments_.shard->index : 1,
            .shards = arguments_.shard ? arguments_.shard->count : 1,
            .engine = NEWBIE_VERSION,
            .precision = engine_.precision_name(),
            .precision_policy = policy.hash()};
  }

  PictureRecord record_of(const LineJob& job, size_t k) const {
    return {.picture = static_cast<size_t>(job.names[k].index),
            .path = job.paths[k].string(),
            .line = job.listed->where,
            .seed = job.names[k].seed,
            .width = job.names[k].width,
            .height = job.names[k].height};
  }

  void draw_line(LineJob& job) {
    std::vector<size_t> left;  // pictures of the line that are this run's, and not drawn yet
    for (size_t k = 0; k < job.names.size(); ++k)
      if (is_own(job.names[k])) left.push_back(k);
    if (left.empty()) return;
    if (!job.listed->problem) try_line(*job.listed, [&] { draw(job, left); });
    if (!job.listed->problem) return;
    terminal_.clear_bar();
    terminal_.warn("{}", job.listed->problem->message());
    if (!first_problem_) first_problem_ = job.listed->problem;
    failed_ += left.size();
    for (const size_t k : left) {
      PictureRecord record = record_of(job, k);
      record.error = job.listed->problem->message();
      written_->add(record);
    }
  }

  // Takes out of `left` what is there or becomes drawn.
  void draw(LineJob& job, std::vector<size_t>& left) {
    const GenerateRequest request = base_.with(job.listed->request);
    if (arguments_.skip_existing && std::ranges::any_of(left, [&](size_t k) { return is_file(job.paths[k]); })) {
      const Job whole = engine_.prepare(request);
      std::erase_if(left, [&](size_t k) { return is_file(job.paths[k]) && is_there(job, k, whole); });
    }
    if (left.empty()) return;
    const bool is_whole = left.size() == job.names.size();
    if (is_whole || request.batch_noise == BatchNoise::Slices) {
      std::vector<size_t> all(job.names.size());  // a slice of one draw needs all of it
      std::iota(all.begin(), all.end(), size_t{0});
      return draw_batch(job, request, all, left);
    }
    for (const size_t k : std::vector<size_t>(left)) {
      GenerateRequest alone = request;
      alone.seed = job.names[k].seed;
      alone.batch = 1;
      draw_batch(job, alone, {k}, left);
    }
  }

  static bool is_file(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
  }

  // Whether the file holds the picture that would be drawn: all of it, with this request.
  bool is_there(const LineJob& job, size_t k, const Job& whole) {
    const fs::path& path = job.paths[k];
    PictureRecord record = record_of(job, k);
    try {
      const std::string bytes = read_file(path, kMaxPictureBytes);
      const DecodedPicture picture = decode_picture(std::as_bytes(std::span(bytes)), path.string());
      const auto said = std::ranges::find(picture.texts, kRequestKey, &TextChunk::key);
      if (said == picture.texts.end()) throw Error(ErrorKind::BadFile, "it says nothing");
      OrderedJson then = parse_ordered_json(said->text, path.string());
      for (const char* key : kDrawnKeys) then.erase(key);
      if (then != parse_ordered_json(whole.request_json(static_cast<int>(k)), "the request"))
        throw Error(ErrorKind::BadFile, "it was drawn from another request, model or precision");
      if (sheet_) sheet_->pictures[static_cast<size_t>(job.names[k].index)] = flatten(picture.image, 255);
      record.sha256 = sha256_of(std::as_bytes(std::span(bytes)));
    } catch (const Error& e) {
      terminal_.warn("{} will be replaced: {}", path.string(), e.message());
      return false;
    }
    record.was_there = true;
    written_->add(record);
    ++there_;
    return true;
  }

  // `all`: which pictures of the line the request gives, in its order.
  void draw_batch(const LineJob& job, const GenerateRequest& request, const std::vector<size_t>& all,
                  std::vector<size_t>& left) {
    using Clock = std::chrono::steady_clock;
    size_t drawn = 0;
    auto begin = Clock::now();
    Job drawing = engine_.prepare(request);
    memory_log_.planned(drawing);
    const struct Ended {
      MemoryLog& log;
      ~Ended() { log.ended(); }
    } ended{memory_log_};
    const GenerateResult result = drawing.run(memory_log_.watch(*previews_), stop_, [&](const GeneratedImage& picture) {
      const size_t k = all.at(drawn++);
      if (std::ranges::find(left, k) == left.end()) return;
      std::vector<TextChunk> texts{{"parameters", picture.parameters}, {kRequestKey, picture.request_json}};
      if (arguments_.no_metadata) texts.clear();
      const std::vector<std::byte> bytes = encode_picture(job.output.format(), picture.image, texts, picture_.quality);
      job.output.save(job.paths[k], bytes);
      PictureRecord record = record_of(job, k);
      record.sha256 = sha256_of(bytes);
      record.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      begin = Clock::now();
      written_->add(record);
      if (sheet_) sheet_->pictures[record.picture] = flatten(picture.image, 255);
      std::erase(left, k);
      terminal_.clear_bar();
      files_.push_back({{"path", record.path},
                        {"line", record.line},
                        {"seed", record.seed},
                        {"width", record.width},
                        {"height", record.height}});
      if (!report_.json && !report_.verbosity.quiet)
        print(fmt::format("{}  {}x{}  seed {}\n", in_one_line(record.path), record.width, record.height, record.seed));
      previews_->show(picture.image);
    });
    for (const StageTime& time : result.times) seconds_[time.name] += time.seconds;
    evaluations_ += result.evaluations;
    shortened_ += result.shortened_evaluations;
    if (!result.guard_events.empty())
      guard_.push_back({{"line", job.listed->where}, {"events", guard_json(result.guard_events)}});
  }

  void save_sheet() {
    const Image all = labelled_grid(sheet_->pictures, sheet_->columns, sheet_->rows);
    sheet_->output.save(sheet_->path.front(), encode_picture(sheet_->output.format(), all, {}, picture_.quality));
  }

  void tell() {
    terminal_.clear_bar();
    if (report_.json) {
      OrderedJson out;
      out["version"] = NEWBIE_VERSION;
      out["files"] = files_;
      if (arguments_.skip_existing) out["were_there"] = there_;
      if (sheet_) out["grid"] = sheet_->path.front().string();
      if (failed_ != 0) out["failed"] = failed_;
      out["seconds"] = seconds_;
      out["evaluations"] = evaluations_;
      out["shortened_evaluations"] = shortened_;
      out["precision"] = {{"name", engine_.precision_name()}, {"reasons", engine_.precision_reasons()}};
      out["guard"] = guard_;
      out["threads"] = engine_.threads();
      out["memory"] = {{"measured_peak_bytes", peak_resident_bytes()}};
      return print_json(out);
    }
    if (report_.verbosity.quiet) return;
    std::string text =
        fmt::format("{} pictures of {} lines in {:.2f} s; {} passes of the transformer; memory: {} measured\n",
                    files_.size(), jobs_.size(), seconds_["total"], evaluations_, format_bytes(peak_resident_bytes()));
    if (there_ != 0) text += fmt::format("{} were there already\n", there_);
    if (sheet_) text += fmt::format("{}  all of them\n", in_one_line(sheet_->path.front().string()));
    print(text);
  }

  const ListArguments& arguments_;
  FileRoles& roles_;
  PictureArguments& picture_;
  const ReportArguments& report_;
  const BasePictures base_;
  std::vector<ListedRequest> list_;
  Terminal terminal_;
  const StopToken stop_;
  MemoryLog memory_log_;
  const ModelPaths model_;
  TextToImage engine_;

  std::vector<LineJob> jobs_;
  size_t pictures_ = 0;  // of the whole run
  fs::path folder_;
  std::optional<Sheet> sheet_;
  ListReport* written_ = nullptr;
  Previews* previews_ = nullptr;

  OrderedJson files_ = OrderedJson::array(), guard_ = OrderedJson::array();
  std::map<std::string, double> seconds_;
  int64_t evaluations_ = 0, shortened_ = 0;
  size_t there_ = 0, failed_ = 0;
  std::optional<Error> first_problem_;
};

}  // namespace

void generate_list(const ListArguments& arguments, FileRoles& roles, EngineArguments& engine, PictureArguments& picture,
                   const ReportArguments& report, const std::optional<std::string>& memory_log) {
  ListRun(arguments, roles, engine, picture, report, memory_log).run();
}

}  // namespace newbie
