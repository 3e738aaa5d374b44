// newbie bench: how fast this machine runs each part of a model, beside what its arithmetic units could do.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>

#include "backend/peak.h"
#include "backend/vulkan_devices.h"
#include "commands/commands.h"
#include "core/files.h"
#include "core/machine.h"
#include "flags.h"
#include "generate/find_model.h"
#include "generate/network.h"
#include "generate/text_to_image.h"
#include "measure/roofline.h"
#include "models/next_dit/graph.h"
#include "standard_streams.h"
#include "terminal.h"
#include "weights/fingerprint.h"
#include "workload_arguments.h"

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A summary of repeats: the median, and how far they spread.
struct Repeats {
  explicit Repeats(std::vector<double> values) : sorted(std::move(values)) { std::sort(sorted.begin(), sorted.end()); }
  double median() const {
    const size_t n = sorted.size();
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }
  OrderedJson json() const {
    return {{"median", median()}, {"min", sorted.front()}, {"max", sorted.back()}, {"repeats", sorted.size()}};
  }
  std::vector<double> sorted;
};

struct BenchArguments {
  WorkloadArguments work;
  ReportArguments report;
  bool no_peak = false;
  bool on_request = false;
  std::string prompt = "1girl, solo, blue hair, smile";
  int steps = 28;
  double cfg = 4.5;
  CardRates card;  // in TFLOP/s and GB/s until they are read
};

// The best rate of each dtype, told as JSON lines.
std::map<std::string, double> tell_peak(int threads, PeakOperands operands) {
  ThreadPool pool(threads);
  std::map<std::string, double> best;
  for (const PeakRate& rate : measure_peak(pool, operands)) {
    print_json({{"bench", "peak"},
                {"dtype", rate.dtype},
                {"instruction", rate.instruction},
                {"operands", rate.operands},
                {"threads", threads},
                {"gflop_per_second", rate.operations / 1e9}});
    best[rate.dtype] = std::max(best[rate.dtype], rate.operations);
  }
  return best;
}

// Runs once uncounted, then as often as asked, and tells each run's seconds. On request it waits for a line of standard
// input before each, so that another program can take turns with it; it ends early when there are no more lines.
std::vector<double> repeat(const BenchArguments& args, Terminal& terminal, const std::function<void()>& run) {
  run();
  if (args.on_request) print_json({{"ready", true}});
  std::vector<double> seconds;
  std::string line;
  for (int i = 1; i <= args.work.repeats; ++i) {
    if (args.on_request && !std::getline(std::cin, line)) break;
    const auto start = Clock::now();
    run();
    seconds.push_back(seconds_since(start));
    terminal.tell(fmt::format("{}/{}: {:.3f} s", i, args.work.repeats, seconds.back()));
    if (args.on_request) print_json({{"repeat", i}, {"seconds", seconds.back()}});
  }
  if (seconds.empty()) fail(ErrorKind::InvalidRequest, "--on-request: standard input ended before the first line");
  return seconds;
}

int threads_of(const BenchArguments& args) {
  return args.work.engine.options.threads > 0 ? args.work.engine.options.threads : usable_cpus();
}

void run_network(BenchArguments& args) {
  Terminal terminal(args.report.verbosity);
  std::map<std::string, double> peak;
  if (!args.no_peak) peak = tell_peak(threads_of(args), PeakOperands::Registers);
  const PreparedWorkload prepared = prepare(args.work, terminal);
  const Repeats spread(repeat(args, terminal, [&] { prepared.workload->run(); }));
  OrderedJson out{{"bench", to_string(args.work.spec.work)}};
  out.update(describe(args.work, prepared));
  out["seconds"] = spread.json();
  const double rate = prepared.workload->flop() / spread.median();
  out["gflop_per_second"] = rate / 1e9;
  // The policy's name says in what most is computed.
  if (const auto it = peak.find(prepared.precision); it != peak.end()) out["share_of_peak"] = rate / it->second;
  out["prepare_seconds"] = prepared.workload->prepare_seconds();
  out["planned_bytes"] = prepared.workload->planned_bytes();
  out["allocated_bytes"] = prepared.workload->allocated_bytes();
  out["peak_resident_bytes"] = peak_resident_bytes();
  out["largest_output"] = prepared.workload->largest_output();
  print_json(out);
}

// What a card can do at best for each network of a picture: no card is asked, and no time is measured.
void run_roofline(BenchArguments& args) {
  Terminal terminal(args.report.verbosity);
  if (!(args.card.flop_per_second > 0) || !(args.card.bytes_per_second > 0))
    fail_with_hint(ErrorKind::InvalidRequest, "a card's data sheet has both: --tflops 165 --bandwidth 1008",
                   "expected --tflops and --bandwidth, both above 0");
  const CardRates rates{args.card.flop_per_second * 1e12, args.card.bytes_per_second * 1e9};
  const auto backend = make_backend(BackendChoice::Vulkan, kAssumedDevice);
  const Resolution precision = resolve_precision(args.work.engine.options.precision, backend->caps());
  const ModelSizes sizes = sizes_of(args.work.engine.model, terminal);
  for (const Work work : {Work::Text, Work::Clip, Work::Step, Work::Decode}) {
    WorkloadSpec spec = args.work.spec;
    spec.work = work;
    const Program compiled = compile_workload(
        spec, sizes, {.threads = 1, .precision = precision.policy, .backend = backend.get(), .fuse = true});
    std::vector<RooflineRow> rows = roofline(compiled.lowered(), rates);
    rows.push_back(sum_of(rows));
    for (const RooflineRow& row : rows)
      print_json({{"bench", "gpu"},
                  {"work", to_string(work)},
                  {"precision", precision.policy.name},
                  {"op", row.op},
                  {"steps", row.steps},
                  {"tflop", row.flop / 1e12},
                  {"gigabytes", row.bytes / 1e9},
                  {"least_seconds", row.seconds},
                  {"of_these_bound_by_memory", row.bound_by_memory}});
  }
}

// Opening a model and loading its denoiser, packed or from a weight cache, against reading the model's file.
void run_load(BenchArguments& args) {
  Terminal terminal(args.report.verbosity);
  const ModelPaths paths = locate_model(find_model(args.work.engine.model)).paths;
  const EngineOptions& options = args.work.engine.options;
  std::optional<WeightCache> cache;
  if (options.weight_cache) cache.emplace(*options.weight_cache, terminal);
  std::vector<double> load, read;
  size_t bytes = 0;
  WeightBank::Kept kept;
  for (int i = 0; i <= args.work.repeats; ++i) {  // the first brings files into the page cache, and fills the cache
    auto start = Clock::now();
    const Transformer part = open_transformer(paths.transformer, terminal);
    Runtime runtime(threads_of(args), resolve_precision(options.precision, this_cpu()).policy, make_cpu_backend());
    Network network(runtime, part.weights, "transformer");
    const int64_t side = 8 * part.sizes.patch;
    const Program program = network.compile(next_dit_step(part.sizes, 16, side, side));
    if (cache) network.use_cache(*cache, part, [&] { return fingerprint(part.files.files); });
    network.renew_cache();
    network.load(program);
    if (i > 0) load.push_back(seconds_since(start));
    kept = network.kept();
    const Program* const loaded = &program;
    network.keep_prepared(std::span(&loaded, 1), {});

    start = Clock::now();
    bytes = 0;
    uint64_t sum = 0;
    for (const FileTensor& tensor : part.files.tensors) {
      const std::span<const std::byte> data = tensor.bytes();
      for (size_t at = 0; at + 8 <= data.size(); at += 64) sum += std::to_integer<uint64_t>(data[at]);
      bytes += data.size();
      tensor.file->drop_pages(data);
    }
    if (i > 0) read.push_back(seconds_since(start));
    if (sum == 0) terminal.warn("the file holds nothing but zeros");
  }
  const Repeats loading(load), reading(read);
  print_json({{"bench", "load"},
              {"path", paths.transformer.string()},
              {"threads", threads_of(args)},
              {"bytes", bytes},
              {"allocated_bytes", kept.bytes},
              {"page_bytes", kept.page_bytes},
              {"load_seconds", loading.json()},
              {"read_seconds", reading.json()},
              {"ratio", loading.median() / reading.median()}});
}

void run_end_to_end(BenchArguments& args) {
  Terminal terminal({.quiet = true, .verbose = false});
  GenerateRequest request;
  request.prompt = args.prompt;
  request.sampler = "euler";
  request.schedule = "flow_euler";
  request.steps = args.steps;
  request.cfg = args.cfg;
  request.width = static_cast<int>(args.work.spec.width);
  request.height = static_cast<int>(args.work.spec.height);
  TextToImage engine = TextToImage::open(find_model(args.work.engine.model), args.work.engine.options, terminal);
  std::map<std::string, std::vector<double>> seconds;
  MemoryPlan plan;
  int64_t evaluations = 0;
  bool counted = false;
  repeat(args, terminal, [&] {
    const GenerateResult result = engine.generate(request, terminal, {}, [](GeneratedImage) {});
    plan = result.plan;
    evaluations = result.evaluations;
    if (counted)
      for (const StageTime& t : result.times) seconds[t.name].push_back(t.seconds);
    counted = true;
  });
  OrderedJson out{{"bench", "end-to-end"},      {"size", {request.width, request.height}},
                  {"steps", request.steps},     {"cfg", request.cfg},
                  {"evaluations", evaluations}, {"precision", engine.precision_name()},
                  {"threads", engine.threads()}};
  for (auto& [name, values] : seconds) out["seconds"][name] = Repeats(values).json();
  out["planned_peak_bytes"] = plan.peak_bytes();
  out["peak_resident_bytes"] = peak_resident_bytes();
  print_json(out);
}

}  // namespace

Command add_bench(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("bench", "measure speed, as JSON lines");
  const auto args = std::make_shared<BenchArguments>();
  args->report.json = true;
  parser.require_subcommand(1);
  const auto chosen = std::make_shared<std::function<void(BenchArguments&)>>();
  const auto sub = [&](const char* name, const char* help, std::function<void(BenchArguments&)> work) -> CLI::App& {
    CLI::App& one = *parser.add_subcommand(name, help);
    one.callback([chosen, work] { *chosen = work; });
    return one;
  };
  const auto on_request = [&](CLI::App& one) {
    Flags(one, "Work")
        .flag("--on-request", args->on_request,
              "wait for a line of standard input before each repeat, to take turns with another program");
  };
  const auto network = [&](const char* name, Work work, const char* help) {
    CLI::App& one = sub(name, help, [work](BenchArguments& a) {
      a.work.spec.work = work;
      run_network(a);
    });
    add_workload_flags(one, args->work);
    Flags(one, "Work").flag("--no-peak", args->no_peak, "do not measure the machine's peak first");
    on_request(one);
    add_report_flags(one, args->report);
  };
  CLI::App& peak = sub("peak", "what the arithmetic units do at most, by dtype",
                       [](BenchArguments& a) { tell_peak(threads_of(a), PeakOperands::Caches); });
  add_engine_flags(peak, args->work.engine);
  network("step", Work::Step, "one denoiser pass");
  network("train", Work::Train, "one sample of training a LoRA: the denoiser there and back (needs --lora-rank)");
  network("text", Work::Text, "Gemma, to the features of a prompt");
  network("clip", Work::Clip, "Jina CLIP, to the pooled text");
  network("vae", Work::Decode, "the autoencoder, latents to a picture");
  network("vae-encode", Work::Encode, "the autoencoder, a picture to latents");
  CLI::App& gpu =
      sub("gpu", "the least a card can take for each network, by its data sheet: nothing is measured", run_roofline);
  add_workload_flags(gpu, args->work);
  Flags card(gpu, "Card");
  card.real("--tflops", args->card.flop_per_second, "what it multiplies and adds in a second at most, in 10^12");
  card.real("--bandwidth", args->card.bytes_per_second, "what its memory moves in a second at most, in 10^9 bytes");
  add_report_flags(gpu, args->report);
  CLI::App& load = sub("load", "loading the denoiser's weights, against reading its file", run_load);
  add_workload_flags(load, args->work);
  add_report_flags(load, args->report);
  CLI::App& whole = sub("end-to-end", "whole pictures by stage, euler on the flow_euler grid", run_end_to_end);
  add_workload_flags(whole, args->work);
  on_request(whole);
  Flags flags(whole, "Work");
  flags.text("-p,--prompt", args->prompt, "TEXT", "the prompt");
  flags.integer("--steps", args->steps, "(default: 28)", 1, 10000);
  flags.real("--cfg-scale", args->cfg, "(default: 4.5)");
  add_report_flags(whole, args->report);
  parser.footer(
      R"(Weights are made up, at the published model's full size unless --model names another model, but for load and
end-to-end, which use a model's own. Run it when nothing else runs.

Example:
  newbie bench step --size 512 --tokens 256 --dtype bf16 --repeats 5)");
  return {&parser, [args, chosen] { (*chosen)(*args); }};
}

}  // namespace newbie
