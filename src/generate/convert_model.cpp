#include "generate/convert_model.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "core/checked.h"
#include "core/files.h"
#include "core/printable.h"
#include "generate/convert_gguf.h"
#include "generate/convert_int8.h"
#include "generate/destination.h"
#include "generate/file_limits.h"
#include "generate/inspect_model.h"
#include "generate/latent_preview.h"
#include "generate/unfinished_folder.h"
#include "models/flux_vae/names.h"
#include "text/sentencepiece_model.h"
#include "weights/stoppable.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kRoberta = "text_model.transformer.roberta.";
constexpr size_t kHeaderRoom = size_t{1} << 20;  // a file, for its header

// What goes along with an encoder's tokenizer; the weights of the model are no part of it.
constexpr const char* kTokenizerFiles[] = {
    "tokenizer.json",          "tokenizer.model",   "sentencepiece.bpe.model", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "chat_template.json",      "preprocessor_config.json"};

// A file to be written: tensors with metadata, or text.
struct SafetensorsOut {
  fs::path path;
  std::vector<StreamedTensor> tensors;
  std::map<std::string, std::string> metadata;

  size_t bytes() const {
    size_t total = kHeaderRoom;
    for (const StreamedTensor& tensor : tensors) total = checked_add(total, tensor.spec.bytes());
    return total;
  }
};
struct GgufOut {
  fs::path path;
  GgufModel model;

  size_t bytes() const {
    size_t total = kHeaderRoom;
    for (const GgufTensor& tensor : model.tensors) total = checked_add(total, stored_bytes(tensor));
    for (const GgufKey& key : model.keys)  // a vocabulary is the only long one
      if (const auto* texts = std::get_if<std::vector<std::string>>(&key.value))
        for (const std::string& text : *texts) total = checked_add(total, text.size() + 16);
    return total;
  }
};
struct TextFile {
  fs::path path;
  std::string text;
};

struct Outcome {
  std::vector<SafetensorsOut> weights;
  std::vector<GgufOut> ggufs;
  std::vector<TextFile> texts;
  std::vector<std::string> notes;
};

StreamedTensor as_stored(const FileTensor& tensor, std::string name) {
  return {std::move(name), tensor.spec(), [tensor](const auto& write) {
            write(tensor.bytes());
            tensor.file->check_intact();
            tensor.file->drop_pages(tensor.bytes());
          }};
}

StreamedTensor as_text(std::string name, std::string bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  return {std::move(name), {{size}, DType::U8}, [bytes = std::move(bytes)](const auto& write) {
            write(std::as_bytes(std::span(bytes)));
          }};
}

// A weight under another name, in the dtype it has or is computed for.
StreamedTensor from_store(const WeightStore& store, const std::string& canonical, std::string name) {
  TensorSpec spec = *store.find(canonical);
  const ConstTensorView stored = store.mapped(canonical);
  if (stored.data == nullptr && spec.shape.elements() != 0 && is_f8(spec.dtype)) spec.dtype = DType::BF16;
  return {std::move(name), spec, [&store, canonical, spec, stored](const auto& write) {
            if (spec.shape.elements() == 0) return;
            if (stored.data != nullptr) {
              write({stored.data, spec.bytes()});
              store.check_intact();
            } else {
              std::vector<std::byte> computed(spec.bytes());
              store.read(canonical, spec.dtype == DType::F64 ? DType::F32 : spec.dtype, computed.data());
              write(computed);
            }
            store.release(canonical);
          }};
}

std::map<std::string, std::string> with_config(const std::string& config) {
  std::map<std::string, std::string> metadata{{"format", "pt"}};
  if (!config.empty()) metadata["config"] = config;
  return metadata;
}

std::string transformer_config(const Transformer& part) {
  const bool native = part.config.is_object() && part.config.contains("axes_dims");
  if (native) return part.config_text;
  const NextDitConfig& c = part.sizes;
  const OrderedJson json{{"model_type", "nextdit_clip"},
                         {"patch_size", c.patch},
                         {"dim", c.dim},
                         {"n_layers", c.layers},
                         {"n_heads", c.heads},
                         {"n_kv_heads", c.kv_heads},
                         {"in_channels", c.latent_channels},
                         {"axes_dims", c.rope_axes},
                         {"axes_lens", {1024, 512, 512}},
                         {"clip_text_dim", c.pooled_width},
                         {"clip_img_dim", c.pooled_width},
                         {"norm_eps", c.norm_eps},
                         {"_class_name", "NextDiT_3B_GQA_patch2_Adaln_Refiner_WHIT_CLIP"}};
  return json.dump(2) + '\n';
}

// Native names in both forms; norm_final is stored by the official tools, though nobody uses it.
std::vector<StreamedTensor> transformer_tensors(const Transformer& part, bool int8) {
  std::vector<StreamedTensor> tensors;
  const std::set<std::string> narrow = int8 ? int8_weights(part) : std::set<std::string>();
  for (const std::string& name : part.weights.names()) {
    if (narrow.contains(name))
      std::ranges::move(int8_tensors(part.weights, name), std::back_inserter(tensors));
    else
      tensors.push_back(from_store(part.weights, name, name));
  }
  for (const FileTensor& tensor : part.files.tensors)
    if (tensor.key() == "norm_final.weight" || tensor.key().ends_with(".norm_final.weight"))
      tensors.push_back(as_stored(tensor, "norm_final.weight"));
  return tensors;
}

// The SentencePiece model of an encoder, from its file or from beside it; empty when there is none.
std::string sentencepiece_file_of(const Part& part, const char* file_name) {
  if (const FileTensor* inside = part.files.find("spiece_model")) {
    std::string bytes(reinterpret_cast<const char*>(inside->bytes().data()), inside->bytes().size());
    inside->file->check_intact();
    return bytes;
  }
  for (const fs::path& folder : tokenizer_folders(part))
    if (fs::is_regular_file(folder / file_name)) return read_file(folder / file_name, kMaxTokenizerBytes);
  return {};
}

// That, or one made of the vocabulary in the keys of a GGUF file.
std::string sentencepiece_of(const Part& part, const char* file_name) {
  if (std::string file = sentencepiece_file_of(part, file_name); !file.empty()) return file;
  auto vocabulary = vocabulary_in_keys(part);
  return vocabulary ? sentencepiece_of_gguf(std::move(*vocabulary), part.path.string()) : std::string();
}

void add_tokenizer(Outcome& out, const Part& part, const fs::path& folder, const char* sentencepiece_name) {
  if (part.files.find("spiece_model") != nullptr) {
    out.texts.push_back({folder / sentencepiece_name, sentencepiece_of(part, sentencepiece_name)});
    return;
  }
  const size_t before = out.texts.size();
  for (const char* name : kTokenizerFiles)
    for (const fs::path& from : tokenizer_folders(part))
      if (fs::is_regular_file(from / name)) {
        out.texts.push_back({folder / name, read_file(from / name, kMaxTokenizerBytes)});
        break;
      }
  if (out.texts.size() != before) return;
  if (std::string made = sentencepiece_of(part, sentencepiece_name); !made.empty())
    out.texts.push_back({folder / sentencepiece_name, std::move(made)});
  else
    fail_with_hint(ErrorKind::BadFile, fmt::format("put {} beside it", sentencepiece_name),
                   "{}: no file of a tokenizer to write into {}", part.path.string(), folder.string());
}

StreamedTensor sentencepiece_tensor(const Part& part, const char* file_name) {
  std::string bytes = sentencepiece_of(part, file_name);
  if (bytes.empty())
    fail_with_hint(ErrorKind::BadFile, "ComfyUI's files carry the SentencePiece model; download it beside the weights",
                   "{}: expected {} to put into the file, got none", part.path.string(), file_name);
  return as_text("spiece_model", std::move(bytes));
}

void add_preview_factors(Outcome& out, const Vae& from, const fs::path& vae) {
  if (const auto factors = read_preview_factors(from))
    out.texts.push_back({preview_factors_path(vae), preview_factors_json(*factors)});
}

struct Model {
  Transformer transformer;
  TextEncoder text_encoder;
  ClipModel clip_model;
  Vae vae;
};

// Jina CLIP and the autoencoder as ComfyUI has them.
void add_jina_and_vae(Outcome& out, const Model& model, const fs::path& folder) {
  SafetensorsOut jina{
      folder / "text_encoders" / "newbie_jina_clip.safetensors", {}, with_config(model.clip_model.config_text)};
  size_t left_out = 0;
  bool merged = false;
  for (const std::string& name : model.clip_model.weights.names()) {
    if (!name.starts_with(kRoberta)) {
      ++left_out;
      continue;
    }
    merged = merged || model.clip_model.weights.mapped(name).data == nullptr;
    jina.tensors.push_back(from_store(model.clip_model.weights, name, "model." + name.substr(kRoberta.size())));
  }
  jina.tensors.push_back(sentencepiece_tensor(model.clip_model, "sentencepiece.bpe.model"));
  out.weights.push_back(std::move(jina));
  if (merged)
    out.notes.emplace_back(
        "Jina CLIP: its text adapter is merged into the weights and rounded once; there is no way back");
  if (left_out != 0)
    out.notes.push_back(fmt::format("Jina CLIP: {} tensors besides the text tower are left out", left_out));

  SafetensorsOut vae{folder / "vae" / "newbie_ae.safetensors", {}, with_config(model.vae.config_text)};
  for (const std::string& name : model.vae.weights.names()) {
    const std::string ldm = ldm_vae_name(name, static_cast<int>(model.vae.sizes.channels.size()));
    StreamedTensor tensor = from_store(model.vae.weights, name, ldm);
    if (name.find(".attentions.0.to_") != std::string::npos && tensor.spec.shape.rank() == 2)
      tensor.spec.shape = Shape{tensor.spec.shape[0], tensor.spec.shape[1], 1, 1};
    vae.tensors.push_back(std::move(tensor));
  }
  add_preview_factors(out, model.vae, vae.path);
  out.weights.push_back(std::move(vae));
}

Outcome to_comfyui(const Model& model, const fs::path& folder, bool int8) {
  Outcome out;
  out.weights.push_back({folder / "diffusion_models" / "newbie_image.safetensors",
                         transformer_tensors(model.transformer, int8),
                         with_config(transformer_config(model.transformer))});

  SafetensorsOut gemma{
      folder / "text_encoders" / "newbie_gemma3.safetensors", {}, with_config(model.text_encoder.config_text)};
  for (const std::string& name : model.text_encoder.weights.names())
    gemma.tensors.push_back(from_store(model.text_encoder.weights, name, "model." + name));
  gemma.tensors.push_back(sentencepiece_tensor(model.text_encoder, "tokenizer.model"));
  out.weights.push_back(std::move(gemma));

  add_jina_and_vae(out, model, folder);
  return out;
}

// What a GGUF file carries as Gemma's tokenizer.
GgufVocabulary vocabulary_of(const TextEncoder& part) {
  const std::string bytes = sentencepiece_file_of(part, "tokenizer.model");
  if (bytes.empty()) {
    if (auto vocabulary = vocabulary_in_keys(part)) return std::move(*vocabulary);
    fail_with_hint(ErrorKind::BadFile, "download tokenizer.model beside the text encoder",
                   "{}: expected a SentencePiece model to put into the file, got none", part.path.string());
  }
  GgufVocabulary out;
  for (SentencePieceModel::Piece& piece :
       read_sentencepiece_model(std::as_bytes(std::span(bytes)), part.path.string()).pieces) {
    if (piece.text == "<bos>") out.begin_id = static_cast<int32_t>(out.texts.size());
    out.texts.push_back(std::move(piece.text));
    out.scores.push_back(piece.score);
    out.types.push_back(static_cast<int32_t>(piece.type));
  }
  return out;
}

Outcome to_gguf(const Model& model, const fs::path& folder, const std::string& type) {
  const GgufMix* mix = find_gguf_mix(type);
  if (mix == nullptr) {
    std::string known;
    for (const GgufMix& row : gguf_mixes()) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
    fail(ErrorKind::InvalidRequest, "GGUF type '{}': expected one of {}", type, known);
  }
  Outcome out;
  out.ggufs.push_back({folder / "diffusion_models" / fmt::format("newbie_image-{}.gguf", mix->name),
                       transformer_gguf(model.transformer, *mix, transformer_config(model.transformer))});
  out.ggufs.push_back({folder / "text_encoders" / fmt::format("newbie_gemma3-{}.gguf", mix->name),
                       gemma_gguf(model.text_encoder, *mix, vocabulary_of(model.text_encoder))});
  add_jina_and_vae(out, model, folder);
  out.notes.emplace_back("GGUF: what was rounded to a narrower type does not come back");
  return out;
}

constexpr const char* kModelIndex = R"({
  "_class_name": "NewbiePipeline",
  "_diffusers_version": "0.30.0",
  "transformer": ["transformer", "NextDiT_CLIP"],
  "text_encoder": ["transformers", "{GEMMA}"],
  "tokenizer": ["text_encoder", "AutoTokenizer"],
  "clip_model": ["transformers", "JinaCLIPModel"],
  "clip_tokenizer": ["clip_model", "AutoTokenizer"],
  "vae": ["diffusers", "AutoencoderKL"]
}
)";

Outcome to_folder(const Model& model, const fs::path& folder, bool int8) {
  Outcome out;
  const auto config = [&](const char* part, const std::string& text) {
    if (!text.empty()) out.texts.push_back({folder / part / "config.json", text});
  };
  const bool multimodal = model.text_encoder.config.is_object() && model.text_encoder.config.contains("text_config");
  std::string index = kModelIndex;
  index.replace(index.find("{GEMMA}"), 7, multimodal ? "Gemma3ForConditionalGeneration" : "Gemma3TextModel");
  out.texts.push_back({folder / "model_index.json", index});

  const std::map<std::string, std::string> metadata{{"format", "pt"}};
  out.weights.push_back({folder / "transformer" / "diffusion_pytorch_model.safetensors",
                         transformer_tensors(model.transformer, int8), metadata});
  config("transformer", transformer_config(model.transformer));

  SafetensorsOut gemma{folder / "text_encoder" / "model.safetensors", {}, metadata};
  for (const std::string& name : model.text_encoder.weights.names())
    gemma.tensors.push_back(
        from_store(model.text_encoder.weights, name, (multimodal ? "language_model.model." : "") + name));
  out.weights.push_back(std::move(gemma));
  config("text_encoder", model.text_encoder.config_text);
  add_tokenizer(out, model.text_encoder, folder / "text_encoder", "tokenizer.model");

  // A file in the Hub's form keeps its adapter apart, and its picture tower.
  SafetensorsOut jina{folder / "clip_model" / "model.safetensors", {}, metadata};
  bool hub = false;
  for (const FileTensor& tensor : model.clip_model.files.tensors) hub = hub || tensor.key().starts_with(kRoberta);
  if (hub)
    for (const FileTensor& tensor : model.clip_model.files.tensors)
      jina.tensors.push_back(as_stored(tensor, tensor.key()));
  else
    for (const std::string& name : model.clip_model.weights.names())
      jina.tensors.push_back(from_store(model.clip_model.weights, name, name));
  out.weights.push_back(std::move(jina));
  if (!hub)
    out.notes.emplace_back(
        "Jina CLIP: the source has merged weights and the text tower alone; the folder holds them as .weight, without "
        "an "
        "adapter, and draws as the source does");
  config("clip_model", model.clip_model.config_text);
  add_tokenizer(out, model.clip_model, folder / "clip_model", "sentencepiece.bpe.model");

  SafetensorsOut vae{folder / "vae" / "diffusion_pytorch_model.safetensors", {}, metadata};
  for (const std::string& name : model.vae.weights.names())
    vae.tensors.push_back(from_store(model.vae.weights, name, name));
  out.weights.push_back(std::move(vae));
  config("vae", model.vae.config_text);
  add_preview_factors(out, model.vae, folder / "vae");
  return out;
}

// As weights/stoppable.h has it.
std::vector<GgufTensor> stoppable(std::vector<GgufTensor> tensors, StopToken stop) {
  for (GgufTensor& tensor : tensors)
    tensor.values = [values = std::move(tensor.values), stop](size_t first, std::span<float> out) {
      stop.throw_if_stopped();
      values(first, out);
    };
  return tensors;
}

// A folder inside of the one it is made from would be a part of it, the next time that one is read.
void require_apart(const fs::path& source, const fs::path& destination) {
  std::error_code error;
  const fs::path from = fs::weakly_canonical(source, error),
                 to = fs::weakly_canonical(fs::absolute(destination), error);
  if (source.empty() || error) return;
  if (std::mismatch(from.begin(), from.end(), to.begin(), to.end()).first == from.end())
    fail_with_hint(ErrorKind::InvalidRequest, "choose a folder outside of it", "{}: lies in {}, which is read",
                   destination.string(), source.string());
}

// What lacks a weight would be found out by whoever draws with the copy.
void require_whole(const ModelPaths& paths) {
  for (const fs::path& path : {paths.transformer, paths.text_encoder, paths.clip_model, paths.vae})
    for (const Inspected& part : inspect(path, {.strictness = paths.strictness}).parts) {
      if (part.missing.empty() && part.mis_shaped.empty()) continue;
      const std::string& first = part.missing.empty() ? part.mis_shaped.front().name : part.missing.front();
      fail_with_hint(ErrorKind::BadFile, "newbie inspect names them all",
                     "{}: {} weights are missing and {} have another shape than this model's, as {}", path.string(),
                     part.missing.size(), part.mis_shaped.size(), in_quotes(first));
    }
}

// Before the first byte is written.
void check_destination(const Outcome& out, const fs::path& folder) {
  size_t needed = 0;
  for (const SafetensorsOut& file : out.weights) {
    require_new_file(file.path, folder);
    needed = checked_add(needed, file.bytes());
  }
  for (const GgufOut& file : out.ggufs) {
    require_new_file(file.path, folder);
    needed = checked_add(needed, file.bytes());
  }
  for (const TextFile& file : out.texts) {
    require_new_file(file.path, folder);
    needed = checked_add(needed, file.text.size());
  }
  require_room(folder, needed);
}

}  // namespace

Conversion convert_model(const ModelPaths& source, const fs::path& destination, const ConversionForm& form, Log& log,
                         const std::function<void(const fs::path&)>& on_file, StopToken stop) {
  require_apart(source.folder, destination);
  const ModelPaths paths = locate_model(source).paths;
  require_whole(paths);
  const Model model{open_transformer(paths.transformer, log, paths.strictness),
                    open_text_encoder(paths.text_encoder, log, paths.strictness),
                    open_clip_model(paths.clip_model, log, paths.strictness),
                    open_vae(paths.vae, log, paths.strictness)};
  Outcome out = form.form == ModelForm::Gguf      ? to_gguf(model, destination, form.gguf_type)
                : form.form == ModelForm::ComfyUi ? to_comfyui(model, destination, form.int8)
                                                  : to_folder(model, destination, form.int8);
  if (form.int8 && form.form == ModelForm::Gguf)
    fail(ErrorKind::InvalidRequest, "int8 is for safetensors: expected a GGUF type, as q8_0");
  check_destination(out, destination);

  FolderInProgress writing(destination);
  Conversion done;
  done.notes = std::move(out.notes);
  const auto begin = [&](const fs::path& path) {
    writing.add(path);
    if (on_file) on_file(path);
  };
  for (const SafetensorsOut& file : out.weights) {
    begin(file.path);
    stream_safetensors(file.path, stoppable(file.tensors, stop), file.metadata);
    done.files.push_back({file.path, fs::file_size(file.path)});
  }
  for (const GgufOut& file : out.ggufs) {
    begin(file.path);
    write_gguf(file.path, file.model.keys, stoppable(file.model.tensors, stop));
    done.files.push_back({file.path, fs::file_size(file.path)});
  }
  for (const TextFile& file : out.texts) {
    begin(file.path);
    write_file_atomically(file.path, file.text);
    done.files.push_back({file.path, file.text.size()});
  }
  writing.finish();
  return done;
}

}  // namespace newbie
