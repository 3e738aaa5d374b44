// newbie dev features: runs one text encoder alone and writes what it gives, to compare with other implementations.
#include <algorithm>
#include <map>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "commands/dev.h"
#include "core/machine.h"
#include "core/printable.h"
#include "file_roles.h"
#include "flags.h"
#include "generate/find_model.h"
#include "generate/network.h"
#include "interrupt.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "standard_streams.h"
#include "weights/safetensors_writer.h"

namespace newbie {

namespace {

enum class Encoder { TextEncoder, ClipModel };

struct FeatureArguments {
  EngineArguments engine;
  ReportArguments report;
  Encoder part = Encoder::TextEncoder;
  std::optional<std::string> prompt;
  std::vector<int32_t> ids;
  size_t max_tokens = 8192;
  std::vector<std::string> paths;
  std::string output;
};

// `*` stands for any run of characters.
bool matches(std::string_view glob, std::string_view text) {
  const size_t star = glob.find('*');
  if (star == std::string_view::npos) return glob == text;
  if (!text.starts_with(glob.substr(0, star))) return false;
  const std::string_view rest = glob.substr(star + 1);
  for (size_t skip = star; skip <= text.size(); ++skip)
    if (matches(rest, text.substr(skip))) return true;
  return false;
}

// Copies of all values whose path matches.
class Collector final : public Observer {
 public:
  explicit Collector(const std::vector<std::string>& globs) : globs_(globs) {}

  void on_value(const std::string& path, ConstTensorView value) override {
    if (std::none_of(globs_.begin(), globs_.end(), [&](const std::string& glob) { return matches(glob, path); }))
      return;
    values_[path] = {value.spec, {value.data, value.data + value.spec.bytes()}};
  }

  struct Copy {
    TensorSpec spec;
    std::vector<std::byte> bytes;
  };
  const std::map<std::string, Copy>& values() const { return values_; }

 private:
  const std::vector<std::string>& globs_;
  std::map<std::string, Copy> values_;
};

// Given ids need no tokenizer, so that weights without one can be looked into.
template <typename Encoder>
std::vector<int32_t> token_ids(const FeatureArguments& args, const Encoder& part, Log& log) {
  std::vector<int32_t> ids = args.ids;
  const int64_t rows = part.sizes.vocabulary;
  if (ids.empty()) {
    TokenizedText text = part.open_tokenizer()->encode(*args.prompt, args.max_tokens);
    if (text.lost_tokens != 0) log.warn("{} tokens do not fit in {} and are lost", text.lost_tokens, args.max_tokens);
    ids = std::move(text.ids);
  }
  for (int32_t id : ids)
    if (id < 0 || id >= rows) fail(ErrorKind::InvalidRequest, "token id {}: the embedding has {} rows", id, rows);
  return ids;
}

struct Features {
  std::vector<int32_t> ids;
  std::vector<float> values;
  Shape shape;
};

// Runs a graph from "ids" to its only output.
Features run_encoder(Runtime& runtime, const Part& part, const char* name, std::vector<int32_t> ids, const Graph& graph,
                     StopToken stop, Observer& observer) {
  Network network(runtime, part.weights, name);
  const Program program = network.compile(graph);
  network.load(program);
  const Buffer arena = runtime.working_memory().allocate(program.memory().arena_bytes, "encoder arena");
  const Graph::Output& output = graph.outputs().front();
  Features out{.ids = std::move(ids), .shape = graph.node(output.id).shape};
  out.values.resize(out.shape.elements());
  Bindings bindings;
  bindings.inputs["ids"] = {{Shape{static_cast<int64_t>(out.ids.size())}, DType::I32},
                            reinterpret_cast<const std::byte*>(out.ids.data())};
  bindings.outputs[output.name] = {{out.shape, DType::F32}, reinterpret_cast<std::byte*>(out.values.data())};
  network.run(program, arena, bindings, stop, {}, &observer);
  return out;
}

void run(const CLI::App& parser, FeatureArguments& args) {
  Terminal terminal(args.report.verbosity);
  FileRoles roles(parser, {"--output"}, terminal);
  roles.reads_model(find_model(args.engine.model));
  roles.writes("--output", args.output);
  if (args.prompt.has_value() == !args.ids.empty()) fail(ErrorKind::InvalidRequest, "give one of --prompt and --ids");
  const StopToken stop = stop_on_signals();
  const Resolution precision = resolve_precision(args.engine.options.precision, this_cpu());
  const int threads = args.engine.options.threads > 0 ? args.engine.options.threads : usable_cpus();
  Runtime runtime(threads, precision.policy, make_backend(args.engine.options.backend, args.engine.options.device));
  runtime.fuse = args.engine.options.fuse;

  Collector collector(args.paths);
  Features features;
  if (args.part == Encoder::TextEncoder) {
    const TextEncoder part = open_text_encoder(encoder_path(args.engine.model, "text_encoder"), terminal);
    std::vector<int32_t> ids = token_ids(args, part, terminal);
    const Graph graph = gemma3_features(part.sizes, static_cast<int64_t>(ids.size()));
    features = run_encoder(runtime, part, "text_encoder", std::move(ids), graph, stop, collector);
  } else {
    const ClipModel part = open_clip_model(encoder_path(args.engine.model, "clip_model"), terminal);
    std::vector<int32_t> ids = token_ids(args, part, terminal);
    const Graph graph = jina_text(part.sizes, static_cast<int64_t>(ids.size()));
    features = run_encoder(runtime, part, "clip_model", std::move(ids), graph, stop, collector);
  }

  std::vector<NamedTensor> tensors{
      {"ids",
       {{Shape{static_cast<int64_t>(features.ids.size())}, DType::I32},
        reinterpret_cast<const std::byte*>(features.ids.data())}},
      {"features", {{features.shape, DType::F32}, reinterpret_cast<const std::byte*>(features.values.data())}}};
  for (const auto& [path, copy] : collector.values()) tensors.push_back({path, {copy.spec, copy.bytes.data()}});
  write_safetensors(args.output, tensors, {{"precision", precision.policy.name}});
  if (args.report.json)
    return print_json({{"path", args.output}, {"tensors", tensors.size()}, {"tokens", features.ids.size()}});
  if (!args.report.verbosity.quiet)
    print(fmt::format("{}: {} tokens, {} tensors\n", in_one_line(args.output), features.ids.size(), tensors.size()));
}

}  // namespace

Command add_dev_features(CLI::App& program) {
  CLI::App& parser = *dev_command(program).add_subcommand("features", "run one text encoder and write its tensors");
  const auto args = std::make_shared<FeatureArguments>();
  Flags flags(parser, "Features");
  flags.choice<Encoder>("--part", args->part,
                        {{"text_encoder", Encoder::TextEncoder}, {"clip_model", Encoder::ClipModel}},
                        "which encoder (default: text_encoder)");
  flags.text("-p,--prompt", args->prompt, "TEXT", "read by the encoder as it is: no system prompt");
  flags.value("--ids", "A,B,C", "token ids instead of a text",
              [args](const std::string& given) { args->ids = parse_token_ids("--ids", given); });
  flags.integer("--max-tokens", args->max_tokens, fmt::format("(default: {})", args->max_tokens), 1, 131072);
  parser
      .add_option("--paths", args->paths,
                  "values inside the network to write, too, by path; * is any text.\n"
                  "Fusion removes some paths: --no-fuse shows all")
      ->type_name("GLOB")
      ->group("Features");
  flags.text("-o,--output", args->output, "FILE", "the .safetensors file to write")->required();
  add_engine_flags(parser, args->engine);
  add_report_flags(parser, args->report);
  parser.footer(R"(--model may be a model folder or the encoder's own.

Example:
  newbie dev features --part text_encoder -p "blue hair" --paths "layers.0*" --no-fuse -o features.safetensors)");
  return {&parser, [args, &parser] { run(parser, *args); }};
}

}  // namespace newbie
