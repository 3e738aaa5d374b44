#include "generate/parts.h"

#include "core/files.h"
#include "generate/file_limits.h"
#include "models/flux_vae/names.h"
#include "models/gemma3/names.h"
#include "models/jina_clip/names.h"
#include "models/next_dit/names.h"
#include "models/scale_keys.h"
#include "weights/combine.h"
#include "weights/low_rank_merge.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

fs::path folder_of(const fs::path& path) { return fs::is_directory(path) ? path : path.parent_path(); }

// The files of a part, without the scales of their 8-bit weights.
struct PartKeys {
  std::vector<std::string> keys;
  std::map<std::string, std::string, std::less<>> scale_of;
};

PartKeys open_files(Part& part, const fs::path& path, FileKind expected, Strictness strictness) {
  part.path = path;
  part.files = open_weights(path, strictness);
  const HeaderShapes header = header_shapes(part.files);
  const Recognised what = recognise(header);
  if (what.kind == FileKind::Foreign || (what.kind != FileKind::Unknown && !holds(header, expected)))
    fail_with_hint(ErrorKind::BadFile, "newbie inspect PATH tells more about a file",
                   "{}: expected {}, got what looks like {}", path.string(), to_string(expected), what.words);
  ScaledKeys scaled = split_scales(part.files.keys(), path.string());
  return {std::move(scaled.keys), std::move(scaled.scale_of)};
}

DerivedTensor derived(const OpenedWeights& files, const PartKeys& keys, const std::string& key) {
  const auto scale = keys.scale_of.find(key);
  return scale == keys.scale_of.end() ? stored_tensor(*files.find(key))
                                      : scaled_tensor(*files.find(key), *files.find(scale->second));
}

void add_named(Part& part, const PartKeys& keys, const NameMap& map, Log& log) {
  for (const MappedName& name : map.names) {
    const FileTensor& tensor = *part.files.find(name.file_key);
    if (keys.scale_of.contains(name.file_key))
      part.weights.add_derived(name.canonical, derived(part.files, keys, name.file_key));
    else
      name.as_matrix ? part.weights.add_as_matrix(name.canonical, tensor) : part.weights.add(name.canonical, tensor);
  }
  for (const JoinedName& name : map.joined) {
    std::vector<DerivedTensor> pieces;
    for (const std::string& key : name.file_keys) pieces.push_back(derived(part.files, keys, key));
    part.weights.add_derived(name.canonical, join_rows(std::move(pieces)));
  }
  part.unknown = map.unknown;
  if (map.unknown.empty()) return;
  std::string list;
  for (size_t i = 0; i < map.unknown.size() && i < 3; ++i) list += (i ? ", " : "") + map.unknown[i];
  log.warn("{}: {} tensors mean nothing to this model and are not used ({}{})", part.path.string(), map.unknown.size(),
           list, map.unknown.size() > 3 ? ", …" : "");
}

Json parse_config(std::string_view text, const std::string& where) {
  Json config = parse_json(text, where);
  if (!config.is_object()) fail(ErrorKind::BadFile, "{}: expected a JSON object, got {}", where, config.type_name());
  return config;
}

// After the store is filled: its metadata may carry the configuration.
void read_config(Part& part) {
  const fs::path beside = folder_of(part.path) / "config.json";
  if (fs::is_regular_file(beside)) {
    part.config_text = read_file(beside, kMaxConfigBytes);
    part.config = parse_config(part.config_text, beside.string());
    part.config_origin = "config.json";
    return;
  }
  const auto& metadata = part.weights.metadata();
  if (const auto it = metadata.find("config"); it != metadata.end()) {
    part.config_text = it->second;
    part.config = parse_config(it->second, part.path.string() + ": metadata config");
    part.config_origin = "file metadata";
    return;
  }
  part.config_origin = "built-in values";
}

using FromJson = std::unique_ptr<Tokenizer> (*)(std::string_view, std::string_view);
using FromSentencePiece = std::unique_ptr<Tokenizer> (*)(std::span<const std::byte>, std::string_view);

std::unique_ptr<Tokenizer> tokenizer_of(const Part& part, FromJson from_json, FromSentencePiece from_sentencepiece,
                                        const char* sentencepiece_name) {
  if (const FileTensor* inside = part.files.find("spiece_model")) {
    auto tokenizer = from_sentencepiece(inside->bytes(), inside->where());
    inside->file->check_intact();
    return tokenizer;
  }
  for (const fs::path& folder : tokenizer_folders(part)) {
    const fs::path json = folder / "tokenizer.json", model = folder / sentencepiece_name;
    if (fs::is_regular_file(json)) return from_json(read_file(json, kMaxTokenizerBytes), json.string());
    if (fs::is_regular_file(model)) {
      const std::string bytes = read_file(model, kMaxTokenizerBytes);
      return from_sentencepiece(std::as_bytes(std::span(bytes)), model.string());
    }
  }
  fail_with_hint(ErrorKind::BadFile,
                 "put the tokenizer beside the weights, or use a single file that carries spiece_model",
                 "{}: no tokenizer: expected tokenizer.json or {} in {}", part.path.string(), sentencepiece_name,
                 folder_of(part.path).string());
}

}  // namespace

// diffusers keeps the tokenizer of text_encoder_2 in tokenizer_2.
std::vector<fs::path> tokenizer_folders(const Part& part) {
  constexpr std::string_view kEncoder = "text_encoder";
  fs::path folder = folder_of(part.path);
  if (!folder.has_filename()) folder = folder.parent_path();  // "text_encoder/"
  std::vector<fs::path> folders{folder};
  const std::string name = folder.filename().string();
  if (name.starts_with(kEncoder))
    folders.push_back(folder.parent_path() / ("tokenizer" + name.substr(kEncoder.size())));
  return folders;
}

fs::path Part::folder() const { return folder_of(path); }

ConfigSource Part::config_source() const {
  return {.shape = [this](const std::string& name) -> std::optional<Shape> {
            const auto spec = weights.find(name);
            return spec ? std::optional(spec->shape) : std::nullopt;
          },
          .json = config,
          .where = path.string()};
}

Transformer open_transformer(const fs::path& path, Log& log, Strictness strictness) {
  Transformer part;
  const PartKeys keys = open_files(part, path, FileKind::Transformer, strictness);
  add_named(part, keys, next_dit_names(keys.keys, path.string()), log);
  read_config(part);
  part.sizes = next_dit_config(part.config_source());
  return part;
}

TextEncoder open_text_encoder(const fs::path& path, Log& log, Strictness strictness) {
  TextEncoder part;
  const PartKeys keys = open_files(part, path, FileKind::TextEncoder, strictness);
  add_named(part, keys, gemma3_names(keys.keys, path.string()), log);
  read_config(part);
  part.sizes = gemma3_config(part.config_source());
  return part;
}

ClipModel open_clip_model(const fs::path& path, Log& log, Strictness strictness) {
  ClipModel part;
  const PartKeys keys = open_files(part, path, FileKind::ClipModel, strictness);
  const JinaClipNames names = jina_clip_names(keys.keys, path.string());
  add_named(part, keys, names.map, log);
  read_config(part);
  // The merge needs the adapter's scale, which the configuration knows; the sizes come from the shapes, which the merge
  // keeps.
  const auto scale = static_cast<float>(jina_adapter_scale(part.config, path.string()));
  for (const AdaptedName& name : names.adapted)
    part.weights.add_derived(
        name.canonical,
        low_rank_merge(*part.files.find(name.base_key), *part.files.find(name.a_key), *part.files.find(name.b_key),
                       name.is_embedding ? LowRankKind::Embedding : LowRankKind::Linear, scale));
  part.sizes = jina_text_config(part.config_source());
  return part;
}

std::unique_ptr<Tokenizer> TextEncoder::open_tokenizer() const {
  return tokenizer_of(*this, gemma_tokenizer_from_json, gemma_tokenizer_from_sentencepiece, "tokenizer.model");
}

std::unique_ptr<Tokenizer> ClipModel::open_tokenizer() const {
  return tokenizer_of(*this, xlm_roberta_tokenizer_from_json, xlm_roberta_tokenizer_from_sentencepiece,
                      "sentencepiece.bpe.model");
}

Vae open_vae(const fs::path& path, Log& log, Strictness strictness) {
  Vae part;
  const PartKeys keys = open_files(part, path, FileKind::Vae, strictness);
  add_named(part, keys, flux_vae_names(keys.keys, path.string()), log);
  read_config(part);
  part.sizes = flux_vae_config(part.config_source());
  return part;
}

}  // namespace newbie
