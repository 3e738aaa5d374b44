#include "onnx/export.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "core/files.h"
#include "core/float_formats.h"
#include "core/json.h"
#include "generate/destination.h"
#include "generate/engine.h"
#include "generate/prepare_request.h"
#include "generate/request_json.h"
#include "generate/rethrow_as_error.h"
#include "generate/unfinished_folder.h"
#include "onnx/samples.h"
#include "onnx/translate.h"
#include "onnx/weight_file.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr int kManifestFormat = 1;
constexpr size_t kNoBudget = std::numeric_limits<size_t>::max();  // nothing is run here
constexpr size_t kPieceElements = size_t{1} << 20;                // of a weight that is converted

struct NetworkFile {
  std::string file;  // "step-77-1024x1024.onnx"
  ProgramKey key;
  OnnxModel model;
};

// The weights of a part, and where its models find them.
struct PartWeights {
  PartKind part;
  OnnxWeightFile file;
  OrderedJson description;  // in the manifest: what tells them from others
  bool is_there = false;
};

std::string_view network_name(GraphKind kind) {
  switch (kind) {
    case GraphKind::GemmaFeatures: return "text_encoder";
    case GraphKind::JinaText: return "clip_model";
    case GraphKind::Context: return "context";
    case GraphKind::Step: return "step";
    case GraphKind::Decode: return "decoder";
    case GraphKind::Encode: return "encoder";
    default: fail(ErrorKind::Internal, "a graph that is not exported");
  }
}

class Exporter {
 public:
  Exporter(Engine& engine, const OnnxExportRequest& request, fs::path folder, Log& log)
      : engine_(engine), request_(request), folder_(std::move(folder)), prepared_(prepare(log)) {
    for (const PartKind part : kParts)
      parts_.push_back({part, OnnxWeightFile(std::string(to_string(part)) + ".weights"), {}});
    for (const ProgramKey& key : keys()) add(key);
    for (PartWeights& part : parts_) part.description = describe(part);
    read_manifest();
    check_destination();
  }

  // All but the manifest.
  void write_networks(FolderInProgress& writing, const std::function<void(const fs::path&)>& on_file, StopToken stop) {
    const auto begin = [&](const fs::path& path) {
      stop.throw_if_stopped();
      // What the manifest that is there names is not new: it is written with the same bytes.
      if (!earlier_.contains(path.filename().string())) writing.add(path);
      if (on_file) on_file(path);
    };
    for (const PartWeights& part : parts_) {
      const fs::path path = folder_ / part.file.name();
      if (part.is_there) {
        done_.kept.push_back(path);
        continue;
      }
      begin(path);
      part.file.write(folder_, [&](const OnnxWeightFile::Place& place, const auto& give) {
        produce(part.part, place, [&](std::span<const std::byte> piece) {
          stop.throw_if_stopped();
          give(piece);
        });
      });
      done_.files.push_back({path, part.file.bytes()});
    }
    for (const NetworkFile& network : networks_) {
      const std::string bytes = encode(network.model);
      begin(folder_ / network.file);
      write_file_atomically(folder_ / network.file, bytes);
      done_.files.push_back({folder_ / network.file, bytes.size()});
    }
  }

  void write_samples(TextToImage& artist, FolderInProgress& writing, StopToken stop) {
    std::vector<SampledNetwork> sampled;
    for (const NetworkFile& network : networks_) {
      sampled.push_back({sample_of(network), network.model.inputs, network.model.outputs});
      if (std::error_code ignored; !fs::exists(sampled.back().file, ignored)) writing.add(sampled.back().file);
    }
    for (fs::path& file : write_onnx_samples(artist, request_.picture, sampled, stop))
      done_.files.push_back({file, fs::file_size(file)});
  }

  // Last: it says what is there. Returns all that was written.
  OnnxExport write_manifest(const std::function<void(const fs::path&)>& on_file) && {
    const std::string text = manifest().dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
    const fs::path path = folder_ / kOnnxManifest;
    if (on_file) on_file(path);
    write_file_atomically(path, text);
    done_.files.push_back({path, text.size()});
    return std::move(done_);
  }

 private:
  const OpenedModel& model() const { return engine_.model; }

  PreparedRequest prepare(Log& log) const {
    PreparedRequest out = prepare_request(engine_, request_.picture, kNoBudget, log);
    for (const TokenizedPrompt& prompt : out.prompts)
      if (!prompt.gemma_weights.empty())
        fail_with_hint(ErrorKind::Unsupported, "write the prompt without weights",
                       "weights of words act between networks: they are not exported");
    return out;
  }

  // Every network that the request runs, and those of further token counts.
  std::vector<ProgramKey> keys() const {
    std::vector<ProgramKey> out;
    const auto want = [&](ProgramKey key) {
      if (const auto adapted = prepared_.adapters.over(row_of(network_of(key.graph)).part))
        key.adapters = adapted->tag();
      if (std::ranges::find(out, key) == out.end()) out.push_back(std::move(key));
    };
    std::vector<int64_t> tokens = request_.tokens, clip_tokens = request_.clip_tokens;
    for (const TokenizedPrompt& prompt : prepared_.prompts) {
      tokens.push_back(prompt.caption_tokens());
      clip_tokens.push_back(prompt.jina_tokens());
    }
    for (const auto* counts : {&tokens, &clip_tokens})
      for (const int64_t count : *counts)
        if (count < 1 || count > kMostOnnxTokens)
          fail(ErrorKind::InvalidRequest, "tokens: expected 1 to {}, got {}", kMostOnnxTokens, count);
    for (const int64_t count : tokens) {
      want({GraphKind::GemmaFeatures, {count}});
      want({GraphKind::Context, {count}});
      for (const Pass& pass : prepared_.passes) want({GraphKind::Step, {count, pass.h, pass.w}});
    }
    for (const int64_t count : clip_tokens) want({GraphKind::JinaText, {count}});
    for (const Pass& pass : prepared_.passes) {
      want({GraphKind::Decode, {pass.h, pass.w}});
      // A file with the decoder alone can draw.
      if (model().vae.weights.find("encoder.conv_in.weight")) want({GraphKind::Encode, {pass.h, pass.w}});
    }
    return out;
  }

  std::string file_of(const ProgramKey& key) const {
    const auto [a, b, c] = key.shape;
    const int64_t scale = model().vae.sizes.downscale();
    const std::string_view name = network_name(key.graph);
    if (key.graph == GraphKind::Step) return fmt::format("{}-{}-{}x{}.onnx", name, a, c * scale, b * scale);
    if (b != 0) return fmt::format("{}-{}x{}.onnx", name, b * scale, a * scale);
    return fmt::format("{}-{}.onnx", name, a);
  }

  fs::path sample_of(const NetworkFile& network) const {
    return folder_ / "samples" / fs::path(network.file).replace_extension(".safetensors");
  }

  // As a backend would get it, but for what only our kernels know: nothing is fused, and tables are as the policy says.
  void add(const ProgramKey& key) {
    CompileOptions options = engine_.compile_options(key);
    options.fuse = false;
    options.decompose_all = false;
    options.name_all = true;
    options.stored_dtype = [](const std::string&) { return std::nullopt; };
    const std::string file = file_of(key);
    OnnxModel onnx = to_onnx(transform(build_graph(model(), key), options), fs::path(file).stem().string());
    PartWeights& part = *std::ranges::find(parts_, row_of(network_of(key.graph)).part, &PartWeights::part);
    part.file.place(onnx);
    onnx.producer_version = request_.version;
    onnx.metadata = {{"newbie.network", std::string(network_name(key.graph))},
                     {"newbie.part", std::string(to_string(part.part))},
                     {"newbie.model", model().part(part.part).path.filename().string()},
                     {"newbie.fingerprint", model().fingerprints().of(part.part)},
                     {"newbie.adapters", key.adapters},
                     {"newbie.precision", engine_.runtime.precision.name}};
    for (const auto* side : {&onnx.inputs, &onnx.outputs})
      for (const OnnxValue& value : *side)
        onnx.metadata.emplace_back("newbie.shape." + value.name,
                                   fmt::format("{} {}", to_string(value.spec.dtype), value.spec.shape.str()));
    networks_.push_back({file, key, std::move(onnx)});
  }

  OrderedJson describe(const PartWeights& part) const {
    const auto adapted = prepared_.adapters.over(part.part);
    OrderedJson weights = OrderedJson::object();
    for (const OnnxWeightFile::Place& place : part.file.places())
      weights[fmt::format("{}:{}", place.weight, to_string(place.spec.dtype))] = {{"shape", place.spec.shape.extents()},
                                                                                  {"offset", place.offset}};
    return {{"file", part.file.name()},
            {"bytes", part.file.bytes()},
            {"fingerprint", model().fingerprints().of(part.part)},
            {"adapters", adapted ? adapted->tag() : ""},
            {"weights", std::move(weights)}};
  }

  // What an earlier export has left in the folder: weights that are the same stay, and so do other networks of theirs.
  void read_manifest() {
    const fs::path path = folder_ / kOnnxManifest;
    std::error_code error;
    if (!fs::exists(path, error)) return;
    try {
      OrderedJson found = parse_ordered_json(read_file(path, kMaxManifestBytes), path.string());
      const bool is_ours = found.at("format") == kManifestFormat;
      for (PartWeights& part : parts_) {
        const OrderedJson& there = found.at("weights").at(std::string(to_string(part.part)));
        part.is_there =
            is_ours && there == part.description && fs::file_size(folder_ / part.file.name()) == part.file.bytes();
      }
      for (const auto& [file, network] : found.at("networks").items()) earlier_[file] = network;
    } catch (const std::exception&) {  // not ours, damaged, or without its weights
      for (PartWeights& part : parts_) part.is_there = false;
    }
    if (!std::ranges::all_of(parts_, &PartWeights::is_there))
      fail_with_hint(ErrorKind::InvalidRequest, "give an empty or a new folder",
                     "{}: the export that is there is of another model, precision or version", folder_.string());
  }

  void check_destination() const {
    size_t needed = kMaxManifestBytes;
    for (const PartWeights& part : parts_) {
      if (part.is_there) continue;
      require_new_file(folder_ / part.file.name(), folder_);
      needed = checked_add(needed, part.file.bytes());
    }
    for (const NetworkFile& network : networks_) {
      if (!earlier_.contains(network.file)) require_new_file(folder_ / network.file, folder_);
      for (const OnnxConstant& constant : network.model.constants) needed = checked_add(needed, constant.bytes.size());
    }
    require_room(folder_, needed);
  }

  // A weight in the dtype its models read, a piece at a time.
  void produce(PartKind kind, const OnnxWeightFile::Place& place, const OnnxWeightFile::Write& write) const {
    const auto adapted = prepared_.adapters.over(kind);
    const WeightStore& store = adapted && adapted->adds(place.weight) ? adapted->added() : model().part(kind).weights;
    const DerivedTensor tensor = store.tensor(place.weight);
    const size_t count = place.spec.shape.elements();
    std::vector<float> values(std::min(count, kPieceElements));
    std::vector<std::byte> bytes(values.size() * size_of(place.spec.dtype));
    for (size_t first = 0; first < count; first += values.size()) {
      const std::span piece = std::span(values).first(std::min(values.size(), count - first));
      tensor.fill(first, piece);
      convert(DType::F32, std::as_bytes(piece).data(), place.spec.dtype, bytes.data(), piece.size());
      write(std::span(bytes).first(piece.size() * size_of(place.spec.dtype)));
    }
    for (const FileTensor& source : tensor.sources) source.file->check_intact();
    store.release(place.weight);
  }

  OrderedJson describe(const NetworkFile& network) const {
    const auto values = [](const std::vector<OnnxValue>& list) {
      OrderedJson out = OrderedJson::object();
      for (const OnnxValue& value : list)
        out[value.name] = {{"dtype", to_string(value.spec.dtype)}, {"shape", value.spec.shape.extents()}};
      return out;
    };
    return {{"network", network_name(network.key.graph)},
            {"part", to_string(row_of(network_of(network.key.graph)).part)},
            {"opset", network.model.opset},
            {"ir_version", network.model.ir_version},
            {"inputs", values(network.model.inputs)},
            {"outputs", values(network.model.outputs)}};
  }

  // All that drawing the request takes beside the networks.
  OrderedJson manifest() const {
    OrderedJson weights = OrderedJson::object(), networks = earlier_, prompts = OrderedJson::array(),
                passes = OrderedJson::array();
    for (const PartWeights& part : parts_) weights[std::string(to_string(part.part))] = part.description;
    for (const NetworkFile& network : networks_) networks[network.file] = describe(network);
    for (const TokenizedPrompt& prompt : prepared_.prompts)
      prompts.push_back({{"text_encoder_ids", prompt.gemma},
                         {"clip_model_ids", prompt.jina},
                         {"text_encoder", file_of({GraphKind::GemmaFeatures, {prompt.caption_tokens()}})},
                         {"clip_model", file_of({GraphKind::JinaText, {prompt.jina_tokens()}})},
                         {"context", file_of({GraphKind::Context, {prompt.caption_tokens()}})}});
    for (const Pass& pass : prepared_.passes) {
      OrderedJson steps = OrderedJson::array();
      for (const TokenizedPrompt& prompt : prepared_.prompts)
        steps.push_back(file_of({GraphKind::Step, {prompt.caption_tokens(), pass.h, pass.w}}));
      passes.push_back({{"latent", {model().vae.sizes.latent_channels, pass.h, pass.w}},
                        {"sigmas", pass.noise.sigmas},
                        {"steps", steps},  // one of each prompt
                        {"decoder", file_of({GraphKind::Decode, {pass.h, pass.w}})}});
    }
    return {
        {"format", kManifestFormat},
        {"version", request_.version},
        {"precision", engine_.runtime.precision.name},
        {"dtype", to_string(engine_.runtime.precision.dtype)},  // the narrowest of it
        {"latent_scaling", {{"scale", model().vae.sizes.scaling_factor}, {"shift", model().vae.sizes.shift_factor}}},
        // A picture to start from is not part of it: the networks do not depend on it.
        {"request",
         request_to_json(prepared_.request, [](const RequestField&, const Image&) { return std::string(); })},
        {"prompts", prompts},
        {"passes", passes},
        {"networks", networks},
        {"weights", weights}};
  }

  static constexpr size_t kMaxManifestBytes = size_t{64} << 20;

  Engine& engine_;
  const OnnxExportRequest& request_;
  const fs::path folder_;
  const PreparedRequest prepared_;
  std::vector<PartWeights> parts_;
  std::vector<NetworkFile> networks_;
  OrderedJson earlier_ = OrderedJson::object();  // networks of the manifest that is there
  OnnxExport done_;
};

}  // namespace

OnnxExport export_onnx(const ModelPaths& paths, const EngineOptions& options, const OnnxExportRequest& request,
                       const fs::path& folder, Log& log, const std::function<void(const fs::path&)>& on_file,
                       StopToken stop) try {
  const auto engine = std::make_unique<Engine>(locate_model(paths).paths, options, log);
  Exporter exporter(*engine, request, folder, log);
  FolderInProgress writing(folder);
  exporter.write_networks(writing, on_file, stop);
  if (request.samples) {
    TextToImage artist = TextToImage::open(paths, options, log);
    exporter.write_samples(artist, writing, stop);
  }
  OnnxExport out = std::move(exporter).write_manifest(on_file);
  writing.finish();
  return out;
} catch (...) {
  rethrow_as_error();
}

}  // namespace newbie
