#include "generate/parts.h"

#include <algorithm>
#include <functional>
#include <map>

#include "core/files.h"
#include "generate/file_limits.h"
#include "models/flux_vae/names.h"
#include "models/gemma3/names.h"
#include "models/jina_clip/names.h"
#include "models/next_dit/names.h"
#include "models/quantised_keys.h"
#include "weights/combine.h"
#include "weights/formats/foreign_bytes.h"
#include "weights/low_rank_merge.h"
#include "weights/quantised.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSpiece = "spiece_model";  // ComfyUI's tokenizer, among the weights

constexpr const char* kBuiltIn = "built-in values";

fs::path folder_of(const fs::path& path) { return fs::is_directory(path) ? path : path.parent_path(); }

// Nothing, or the text of a small tensor: a marker of how another is stored.
std::string small_text(const OpenedWeights& files, const std::string& key) {
  const FileTensor& tensor = *files.find(key);
  const std::span<const std::byte> bytes = tensor.bytes();
  if (bytes.size() > kMaxMarkerBytes)
    fail(ErrorKind::BadFile, "{}: expected a marker of at most {} bytes, got {}", tensor.where(), kMaxMarkerBytes,
         bytes.size());
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  tensor.file->check_intact();
  return text;
}

std::string quantization_metadata(const OpenedWeights& files) {
  for (const auto& file : files.files)
    if (const auto found = file->metadata().find("_quantization_metadata"); found != file->metadata().end())
      return found->second;
  return {};
}

QuantisedKeys open_files(Part& part, const fs::path& path, FileKind expected, Strictness strictness) {
  part.path = path;
  part.files = open_weights(path, strictness);
  const Recognised what = recognise_files(part.files);
  if (what.kind == FileKind::Foreign || (what.kind != FileKind::Unknown && !holds(header_shapes(part.files), expected)))
    fail_with_hint(ErrorKind::BadFile, "newbie inspect PATH tells more about a file",
                   "{}: expected {}, got what looks like {}", path.string(), to_string(expected), what.words);
  const std::vector<std::string> keys = part.files.keys();
  const std::string where = path.string(), quantization = quantization_metadata(part.files);
  return split_quantised({.keys = keys,
                          .dtype = [&](const std::string& key) { return part.files.find(key)->entry->dtype_name; },
                          .text = [&](const std::string& key) { return small_text(part.files, key); },
                          .quantization = quantization,
                          .where = where});
}

DerivedTensor scheme_tensor(const OpenedWeights& files, const FileTensor& weight, const QuantisedWeight& how) {
  const auto at = [&](const std::string& key) { return key.empty() ? nullptr : files.find(key); };
  switch (how.scheme) {
    case WeightScheme::Nvfp4: return nvfp4_tensor(weight, *at(how.scale), *at(how.second_scale));
    case WeightScheme::Mxfp8: return mxfp8_tensor(weight, *at(how.scale));
    case WeightScheme::Codebook:
      return codebook_tensor({weight, *at(how.scale), *at(how.table), at(how.nested_scale), at(how.nested_table)},
                             how.state);
    case WeightScheme::Scaled: break;
  }
  DerivedTensor plain =
      how.scale.empty() ? stored_as(weight, how.bytes_as) : scaled_tensor(weight, *at(how.scale), how.bytes_as);
  return how.rotation == 0 ? plain : rotated(std::move(plain), static_cast<size_t>(how.rotation));
}

DerivedTensor derived(const OpenedWeights& files, const QuantisedKeys& keys, const std::string& key) {
  const auto how = keys.weights.find(key);
  if (how == keys.weights.end()) return stored_tensor(*files.find(key));
  DerivedTensor tensor = scheme_tensor(files, *files.find(key), how->second);
  return how->second.input_scale.empty() ? tensor
                                         : times_columns(std::move(tensor), *files.find(how->second.input_scale));
}

void add_named(Part& part, const QuantisedKeys& keys, const NameMap& map, Log& log) {
  for (const MappedName& name : map.names) {
    const FileTensor& tensor = *part.files.find(name.file_key);
    if (std::ranges::find(tensor.entry->shape, 0) != tensor.entry->shape.end())
      fail(ErrorKind::BadFile, "{}: expected values, got an empty tensor", tensor.where());
    if (name.minus_one)
      part.weights.add_derived(name.canonical, minus_one(derived(part.files, keys, name.file_key)));
    else if (keys.weights.contains(name.file_key))
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
  for (size_t i = 0; i < map.unknown.size() && i < 3; ++i) list += (i ? ", " : "") + in_quotes(map.unknown[i]);
  log.warn("{}: {} tensors mean nothing to this model and are not used ({}{})", part.path.string(), map.unknown.size(),
           list, map.unknown.size() > 3 ? ", …" : "");
}

// A text file of a model. Error{BadFile} that says what lies there instead, where that is known.
std::string read_text_of_model(const fs::path& path, size_t limit, std::string_view expected) {
  std::string text = read_file(path, limit);
  refuse_foreign_bytes(std::as_bytes(std::span(text)), expected, path.string());
  return text;
}

Json parse_config(std::string_view text, const std::string& where) {
  Json config = parse_json(text, where);
  if (!config.is_object()) fail(ErrorKind::BadFile, "{}: expected a JSON object, got {}", where, config.type_name());
  return config;
}

// The keys of a GGUF file; none for other formats.
const GgufKeys& gguf_keys(const Part& part) {
  static const GgufKeys none;
  return part.files.files.empty() ? none : part.files.files.front()->header().keys;
}

// After the store is filled: its metadata may carry the configuration.
void read_config(Part& part) {
  const fs::path beside = folder_of(part.path) / "config.json";
  if (fs::is_regular_file(beside)) {
    part.config_text = read_text_of_model(beside, kMaxConfigBytes, "a configuration");
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
  part.config_origin = kBuiltIn;
}

// The keys of a configuration that decide pictures and follow from no shape, each with its other spellings. `within`:
// the nested objects they stand in, where those are there.
struct ConfigKeys {
  std::vector<const char*> within;
  std::vector<std::vector<std::string_view>> keys;
};

// What shapes do not say is only known of the official models: anything else would draw another picture without a word.
void require_config(const Part& part, bool is_official_size, const ConfigKeys& needed) {
  if (is_official_size) return;
  if (part.config_origin == kBuiltIn)
    fail_with_hint(
        ErrorKind::BadFile, "put the model's config.json beside the file",
        "{}: expected a configuration, as its sizes are not the official model's; got no config.json in {}, and "
        "none in the file",
        part.path.string(), folder_of(part.path).string());
  const Json* config = &part.config;
  for (const char* section : needed.within)
    if (config->is_object() && config->contains(section)) config = &config->at(section);
  for (const auto& spellings : needed.keys)
    if (std::ranges::none_of(spellings, [&](std::string_view key) { return config->contains(key); }))
      fail_with_hint(ErrorKind::BadFile, "take the config.json that came with the model",
                     "{}: its configuration ({}) has no {}, and its sizes are not the official model's",
                     part.path.string(), part.config_origin, spellings.front());
}

// llama.cpp's keys, where no configuration lies beside the file or in it.
void read_gemma_keys(TextEncoder& part, Log& log) {
  if (!part.config_text.empty()) return;
  const std::string where = part.path.string();
  const std::string architecture = gguf_keys(part).text("general.architecture", where).value_or("");
  const Json keys = gguf_keys(part).scalars(architecture + '.', where);
  if (architecture.empty() || keys.empty()) return;
  std::string filled_in;
  part.config = gemma3_config_of_gguf(keys, filled_in);
  part.config_text = part.config.dump(2) + '\n';
  part.config_origin = "keys of the file";
  if (!filled_in.empty())
    log.warn("{}: says nothing of how positions are scaled; taken as Gemma 3 4B's: {}", where, filled_in);
}

using FromJson = std::unique_ptr<Tokenizer> (*)(std::string_view, std::string_view);
using FromSentencePiece = std::unique_ptr<Tokenizer> (*)(std::span<const std::byte>, std::string_view);

std::unique_ptr<Tokenizer> tokenizer_of(const Part& part, FromJson from_json, FromSentencePiece from_sentencepiece,
                                        const char* sentencepiece_name) {
  if (const FileTensor* inside = part.files.find(kSpiece)) {
    auto tokenizer = from_sentencepiece(inside->bytes(), inside->where());
    inside->file->check_intact();
    return tokenizer;
  }
  for (const fs::path& folder : tokenizer_folders(part)) {
    const fs::path json = folder / "tokenizer.json", model = folder / sentencepiece_name;
    if (fs::is_regular_file(json))
      return from_json(read_text_of_model(json, kMaxTokenizerBytes, "a tokenizer"), json.string());
    if (fs::is_regular_file(model)) {
      const std::string bytes = read_text_of_model(model, kMaxTokenizerBytes, "a tokenizer");
      return from_sentencepiece(std::as_bytes(std::span(bytes)), model.string());
    }
  }
  if (auto vocabulary = vocabulary_in_keys(part))
    return gemma_tokenizer_from_gguf(std::move(*vocabulary), part.path.string());
  fail_with_hint(ErrorKind::BadFile,
                 "put the tokenizer beside the weights, or use a single file that carries spiece_model",
                 "{}: no tokenizer: expected tokenizer.json or {} in {}", part.path.string(), sentencepiece_name,
                 folder_of(part.path).string());
}

}  // namespace

std::optional<GgufVocabulary> vocabulary_in_keys(const Part& part) {
  const GgufKeys& keys = gguf_keys(part);
  const std::string where = part.path.string();
  auto texts = keys.texts("tokenizer.ggml.tokens", where);
  if (!texts) return std::nullopt;
  if (const std::string model = keys.text("tokenizer.ggml.model", where).value_or("llama"); model != "llama")
    fail_with_hint(ErrorKind::Unsupported, "put the model's tokenizer.json beside the file",
                   "{}: expected a SentencePiece tokenizer ('llama') in its keys, got {}", where, in_quotes(model));
  GgufVocabulary vocabulary{.texts = std::move(*texts)};
  for (const double score : keys.numbers("tokenizer.ggml.scores", where).value_or(std::vector<double>()))
    vocabulary.scores.push_back(static_cast<float>(score));
  for (const double type : keys.numbers("tokenizer.ggml.token_type", where).value_or(std::vector<double>()))
    vocabulary.types.push_back(type >= 0 && type <= 100 ? static_cast<int32_t>(type) : 0);
  const double begin = keys.number("tokenizer.ggml.bos_token_id", where).value_or(2);
  vocabulary.begin_id = begin < 1e9 ? static_cast<int32_t>(begin) : -1;
  const double unknown = keys.number("tokenizer.ggml.unknown_token_id", where).value_or(3);
  vocabulary.unknown_id = unknown < 1e9 ? static_cast<int32_t>(unknown) : -1;
  part.files.files.front()->check_intact();
  return vocabulary;
}

std::string quantised_formats(const OpenedWeights& files) {
  std::map<std::string_view, size_t> bytes;
  bool is_quantised = false;
  for (const FileTensor& tensor : files.tensors) {
    if (tensor.key() == kSpiece) continue;
    bytes[tensor.entry->dtype_name] += tensor.bytes().size();
    is_quantised = is_quantised || !tensor.entry->dtype || size_of(*tensor.entry->dtype) == 1;
  }
  if (!is_quantised) return {};
  std::vector<std::pair<size_t, std::string_view>> sorted;
  for (const auto& [name, size] : bytes) sorted.emplace_back(size, name);
  std::ranges::sort(sorted, std::greater<>());
  std::string out;
  for (const auto& [size, name] : sorted) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
  return out;
}

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
  const QuantisedKeys keys = open_files(part, path, FileKind::Transformer, strictness);
  add_named(part, keys, next_dit_names(keys.keys, path.string()), log);
  read_config(part);
  part.sizes = next_dit_config(part.config_source());
  require_config(part, part.sizes.dim == 2304,
                 {.within = {}, .keys = {{"axes_dims", "axes_dim_rope"}, {"patch_size"}}});
  return part;
}

TextEncoder open_text_encoder(const fs::path& path, Log& log, Strictness strictness) {
  TextEncoder part;
  const QuantisedKeys keys = open_files(part, path, FileKind::TextEncoder, strictness);
  add_named(part, keys, gemma3_names(keys.keys, path.string()), log);
  read_config(part);
  read_gemma_keys(part, log);
  part.sizes = gemma3_config(part.config_source());
  require_config(part, part.sizes.width == 2560,
                 {.within = {"text_config"}, .keys = {{"rope_scaling", "rope_parameters"}, {"sliding_window"}}});
  return part;
}

ClipModel open_clip_model(const fs::path& path, Log& log, Strictness strictness) {
  ClipModel part;
  const QuantisedKeys keys = open_files(part, path, FileKind::ClipModel, strictness);
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
  require_config(
      part, part.sizes.width == 1024,
      {.within = {"text_config", "hf_model_config_kwargs"}, .keys = {{"num_attention_heads"}, {"rotary_emb_base"}}});
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
  const QuantisedKeys keys = open_files(part, path, FileKind::Vae, strictness);
  add_named(part, keys, flux_vae_names(keys.keys, path.string()), log);
  read_config(part);
  part.sizes = flux_vae_config(part.config_source());
  require_config(part, part.sizes.channels == std::vector<int64_t>{128, 256, 512, 512},
                 {.within = {}, .keys = {{"norm_num_groups"}, {"scaling_factor"}, {"shift_factor"}}});
  return part;
}

}  // namespace newbie
