#include "generate/parts.h"

#include "core/files.h"
#include "models/flux_vae/names.h"
#include "models/gemma3/names.h"
#include "models/jina_clip/names.h"
#include "models/next_dit/names.h"
#include "weights/low_rank_merge.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxConfigBytes = size_t{4} << 20;
constexpr size_t kMaxTokenizerBytes = size_t{256} << 20;

fs::path folder_of(const fs::path& path) { return fs::is_directory(path) ? path : path.parent_path(); }

void add_named(WeightStore& store, const OpenedWeights& files, const NameMap& map, const fs::path& path, Log& log) {
  for (const MappedName& name : map.names) {
    const FileTensor& tensor = *files.find(name.file_key);
    name.as_matrix ? store.add_as_matrix(name.canonical, tensor) : store.add(name.canonical, tensor);
  }
  if (map.unknown.empty()) return;
  std::string list;
  for (size_t i = 0; i < map.unknown.size() && i < 3; ++i) list += (i ? ", " : "") + map.unknown[i];
  log.warn("{}: {} tensors mean nothing to this model and are not used ({}{})", path.string(), map.unknown.size(), list,
           map.unknown.size() > 3 ? ", …" : "");
}

void open_files(Part& part, const fs::path& path) {
  part.path = path;
  part.files = open_weights(path);
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
    part.config = parse_config(read_file(beside, kMaxConfigBytes), beside.string());
    part.config_origin = "config.json";
    return;
  }
  const auto& metadata = part.weights.metadata();
  if (const auto it = metadata.find("config"); it != metadata.end()) {
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
  const fs::path json = folder_of(part.path) / "tokenizer.json", model = folder_of(part.path) / sentencepiece_name;
  if (fs::is_regular_file(json)) return from_json(read_file(json, kMaxTokenizerBytes), json.string());
  if (fs::is_regular_file(model)) {
    const std::string bytes = read_file(model, kMaxTokenizerBytes);
    return from_sentencepiece(std::as_bytes(std::span(bytes)), model.string());
  }
  fail_with_hint(ErrorKind::BadFile,
                 "put the tokenizer beside the weights, or use a single file that carries spiece_model",
                 "{}: no tokenizer: expected tokenizer.json or {} in {}", part.path.string(), sentencepiece_name,
                 folder_of(part.path).string());
}

}  // namespace

ConfigSource Part::config_source() const {
  return {.shape = [this](const std::string& name) -> std::optional<Shape> {
            const auto spec = weights.find(name);
            return spec ? std::optional(spec->shape) : std::nullopt;
          },
          .json = config,
          .where = path.string()};
}

Transformer open_transformer(const fs::path& path, Log& log) {
  Transformer part;
  open_files(part, path);
  add_named(part.weights, part.files, next_dit_names(part.files.keys(), path.string()), path, log);
  read_config(part);
  part.sizes = next_dit_config(part.config_source());
  return part;
}

TextEncoder open_text_encoder(const fs::path& path, Log& log) {
  TextEncoder part;
  open_files(part, path);
  add_named(part.weights, part.files, gemma3_names(part.files.keys(), path.string()), path, log);
  read_config(part);
  part.sizes = gemma3_config(part.config_source());
  return part;
}

ClipModel open_clip_model(const fs::path& path, Log& log) {
  ClipModel part;
  open_files(part, path);
  const JinaClipNames names = jina_clip_names(part.files.keys(), path.string());
  add_named(part.weights, part.files, names.map, path, log);
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

Vae open_vae(const fs::path& path, Log& log) {
  Vae part;
  open_files(part, path);
  add_named(part.weights, part.files, flux_vae_names(part.files.keys(), path.string()), path, log);
  read_config(part);
  part.sizes = flux_vae_config(part.config_source());
  return part;
}

fs::path part_path(const ModelPaths& paths, std::string_view part) {
  const fs::path& own = part == "transformer"    ? paths.transformer
                        : part == "text_encoder" ? paths.text_encoder
                        : part == "clip_model"   ? paths.clip_model
                                                 : paths.vae;
  if (!own.empty()) return own;
  if (paths.folder.empty())
    fail_with_hint(ErrorKind::InvalidRequest,
                   "give --model DIR, or all of --diffusion-model --text-encoder --clip --vae",
                   "no path for the model's {}", part);
  const fs::path inside = paths.folder / part;
  if (!fs::exists(inside))
    fail_with_hint(ErrorKind::BadFile, "a model folder has transformer, text_encoder, clip_model and vae inside",
                   "{}: expected a folder {} there", paths.folder.string(), part);
  return inside;
}

}  // namespace newbie
