#include "generate/inspect_model.h"

#include <algorithm>
#include <set>

#include "core/files.h"
#include "core/parallel.h"
#include "generate/file_limits.h"
#include "generate/network.h"
#include "generate/part_graphs.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

void compare(Inspected& result, const OpenedPart& opened) {
  std::set<std::string> seen;
  for (const NamedGraph& named : opened.graphs)
    for (int id = 0; id < named.graph.size(); ++id) {
      const Node& node = named.graph.node(id);
      if (node.op != &weight_op || !seen.insert(node.paths.front()).second) continue;
      const auto spec = opened.part->weights.find(node.paths.front());
      if (!spec)
        result.missing.push_back(node.paths.front());
      else if (!(spec->shape == node.shape))
        result.mis_shaped.push_back({node.paths.front(), node.shape.str(), spec->shape.str()});
    }
  result.unexpected = opened.part->unknown;
}

void count(Inspected& result, const OpenedWeights& files) {
  for (const auto& file : files.files) result.bytes += file->file_bytes();
  for (const FileTensor& tensor : files.tensors) {
    size_t elements = 1;
    for (const int64_t extent : tensor.entry->shape) elements *= static_cast<size_t>(extent);  // checked when parsed
    Inspected::Amount& amount = result.dtypes[std::string(tensor.entry->dtype_name)];
    ++amount.tensors;
    ++result.tensors;
    if (tensor.key() == "spiece_model") continue;  // a tokenizer
    amount.parameters += elements;
    result.parameters += elements;
  }
}

void read_alphas(Inspected& result, const OpenedWeights& files, const fs::path& path) {
  std::set<double> found;
  for (const std::string& key : result.adapter->alpha_keys) {
    const FileTensor& tensor = *files.find(key);
    if (!tensor.entry->dtype || !is_float(*tensor.entry->dtype) ||
        tensor.bytes().size() != size_of(*tensor.entry->dtype))
      continue;
    float value = 0;
    tensor.read(0, {&value, 1});
    found.insert(value);
  }
  const fs::path beside = (fs::is_directory(path) ? path : path.parent_path()) / "adapter_config.json";
  if (found.empty() && fs::is_regular_file(beside)) {
    const Json json = parse_json(read_file(beside, kMaxConfigBytes), beside.string());
    if (json.is_object() && json.contains("lora_alpha") && json.at("lora_alpha").is_number())
      found.insert(json.at("lora_alpha").get<double>());
  }
  result.alphas.assign(found.begin(), found.end());
}

bool is_part(FileKind kind) {
  return kind == FileKind::Transformer || kind == FileKind::TextEncoder || kind == FileKind::ClipModel ||
         kind == FileKind::Vae;
}

// `expected`: what the file has to be in a model folder.
Inspected inspect_one(const fs::path& path, std::optional<FileKind> expected, const InspectOptions& options) {
  Inspected result{.path = path};
  try {
    const OpenedWeights files = open_weights(path, options.strictness);
    const HeaderShapes header = header_shapes(files);
    const Recognised what = recognise_files(files);
    result.kind = expected && holds(header, *expected) ? *expected : what.kind;
    result.what = what.words.empty() ? std::string(to_string(what.kind)) : what.words;
    count(result, files);
    if (result.kind == FileKind::Adapter) {
      result.adapter = adapter_keys(header);
      result.unexpected = result.adapter->unknown;
      read_alphas(result, files, path);
    }
    if (expected ? result.kind != *expected : result.kind == FileKind::Foreign || result.kind == FileKind::Unknown)
      result.problem = fmt::format(
          "expected {}, got {}", expected ? to_string(*expected) : "a part of NewBie-image or an adapter", result.what);
    if (options.check_weights) {
      ThreadPool pool(options.threads);
      result.bad_values = find_bad_values(files, pool, options.on_progress);
    }
    if (!result.problem.empty() || !is_part(result.kind)) return result;

    const OpenedPart opened = open_part(path, result.kind, options.strictness);
    result.config_origin = opened.part->config_origin;
    compare(result, opened);
    if (!options.graphs) return result;
    CompileOptions compile{.precision = resolve_precision(options.precision, this_cpu()).policy, .part = opened.name};
    compile.stored_dtype = [&](const std::string& name) { return stored_dtype(opened.part->weights, name); };
    for (const NamedGraph& named : opened.graphs)
      result.graphs.emplace_back(named.name, transform(named.graph, compile).str());
  } catch (const Error& e) {
    result.problem = e.message();
    result.hint = e.hint();
  }
  return result;
}

}  // namespace

bool Inspection::is_whole() const {
  return std::all_of(parts.begin(), parts.end(), [](const Inspected& part) {
    return part.problem.empty() && part.missing.empty() && part.mis_shaped.empty() &&
           (!part.bad_values || part.bad_values->empty());
  });
}

Inspection inspect(const fs::path& path, const InspectOptions& options) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (!fs::exists(status))
    fail(ErrorKind::BadFile, "{}: expected a file or a folder, got nothing there", path.string());
  Inspection result;
  bool single = !fs::is_directory(status);
  if (!single) {
    try {
      open_weights(path, options.strictness);
      single = true;
    } catch (const Error&) {
      // No folder of one part: of a model, then.
    }
  }
  if (single) {
    result.parts.push_back(inspect_one(path, std::nullopt, options));
    return result;
  }
  const LocatedModel model = locate_model({.folder = path, .strictness = options.strictness});
  result.layout = model.layout;
  result.parts.push_back(inspect_one(model.paths.transformer, FileKind::Transformer, options));
  result.parts.push_back(inspect_one(model.paths.text_encoder, FileKind::TextEncoder, options));
  result.parts.push_back(inspect_one(model.paths.clip_model, FileKind::ClipModel, options));
  result.parts.push_back(inspect_one(model.paths.vae, FileKind::Vae, options));
  return result;
}

}  // namespace newbie
