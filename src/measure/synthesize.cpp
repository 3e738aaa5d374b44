#include "measure/synthesize.h"

#include <algorithm>
#include <span>
#include <system_error>
#include <vector>

#include "core/checked.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/new_paths.h"
#include "measure/full_size.h"
#include "measure/synthetic_weights.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"
#include "weights/formats/safetensors.h"
#include "weights/stoppable.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr size_t kPiece = size_t{1} << 20;  // elements made at a time
constexpr size_t kHeaderRoom = size_t{1} << 20;

struct PlannedFile {
  fs::path path;
  std::string prefix;  // before the canonical names
  SyntheticWeights weights;
  std::vector<std::pair<std::string, Shape>> unused;  // stored by the official tools, used by no graph

  size_t bytes() const {
    size_t total = kHeaderRoom;
    for (const std::string& name : weights.names()) total = checked_add(total, weights.find(name)->bytes());
    for (const auto& [name, shape] : unused) total = checked_add(total, TensorSpec{shape, DType::BF16}.bytes());
    return total;
  }
};

// The tensors of each part are those that its graphs read, whatever the size of picture or prompt.
std::vector<PlannedFile> plan_files(const fs::path& folder, const ModelSizes& m) {
  std::vector<PlannedFile> files(4);
  files[0].path = folder / "transformer" / "diffusion_pytorch_model.safetensors";
  files[0].weights.add(next_dit_context(m.transformer, 1), DType::BF16);
  files[0].weights.add(next_dit_step(m.transformer, 1, m.transformer.patch, m.transformer.patch), DType::BF16);
  files[0].unused = {{"norm_final.weight", {m.transformer.dim}}};

  Gemma3Config gemma = m.text_encoder;  // one layer more, so that the last one is in the graph
  ++gemma.layers;
  gemma.global.push_back(false);
  files[1].path = folder / "text_encoder" / "model.safetensors";
  files[1].prefix = "model.";
  files[1].weights.add(gemma3_features(gemma, 1), DType::BF16, true);
  files[1].unused = {{"norm.weight", {gemma.width}}};

  files[2].path = folder / "clip_model" / "model.safetensors";
  files[2].weights.add(jina_text(m.clip_model, 1), DType::BF16);

  files[3].path = folder / "vae" / "diffusion_pytorch_model.safetensors";
  files[3].weights.add(flux_vae_decoder(m.vae, 1, 1), DType::BF16);
  files[3].weights.add(flux_vae_encoder(m.vae, m.vae.downscale(), m.vae.downscale()), DType::BF16);
  return files;
}

// spec/checkpoints.md §2, spec/gemma3.md §1, spec/jina_clip_v2.md §1, spec/vae.md §1.
std::vector<std::pair<const char*, OrderedJson>> configurations(const ModelSizes& m) {
  const NextDitConfig& d = m.transformer;
  const Gemma3Config& g = m.text_encoder;
  const JinaTextConfig& j = m.clip_model;
  OrderedJson layer_types = OrderedJson::array();
  for (const bool global : g.global) layer_types.push_back(global ? "full_attention" : "sliding_attention");
  return {{"model_index.json",
           {{"_class_name", "NewbiePipeline"},
            {"_diffusers_version", "0.30.0"},
            {"transformer", {"transformer", "NextDiT_CLIP"}},
            {"text_encoder", {"transformers", "Gemma3TextModel"}},
            {"tokenizer", {"text_encoder", "AutoTokenizer"}},
            {"clip_model", {"transformers", "JinaCLIPModel"}},
            {"clip_tokenizer", {"clip_model", "AutoTokenizer"}},
            {"vae", {"diffusers", "AutoencoderKL"}}}},
          {"transformer/config.json",
           {{"model_type", "nextdit_clip"},
            {"patch_size", d.patch},
            {"dim", d.dim},
            {"n_layers", d.layers},
            {"n_heads", d.heads},
            {"n_kv_heads", d.kv_heads},
            {"in_channels", d.latent_channels},
            {"axes_dims", d.rope_axes},
            {"axes_lens", {1024, 512, 512}},
            {"clip_text_dim", d.pooled_width},
            {"clip_img_dim", d.pooled_width},
            {"_class_name", "NextDiT_3B_GQA_patch2_Adaln_Refiner_WHIT_CLIP"}}},
          {"text_encoder/config.json",
           {{"architectures", {"Gemma3TextModel"}},
            {"model_type", "gemma3_text"},
            {"hidden_size", g.width},
            {"num_hidden_layers", g.layers},
            {"num_attention_heads", g.heads},
            {"num_key_value_heads", g.kv_heads},
            {"head_dim", g.head_size},
            {"intermediate_size", g.ffn},
            {"vocab_size", g.vocabulary},
            {"sliding_window", g.sliding_window},
            {"layer_types", layer_types},
            {"query_pre_attn_scalar", g.head_size},
            {"rms_norm_eps", g.norm_eps},
            {"rope_theta", g.rope_global_base},
            {"rope_local_base_freq", g.rope_local_base},
            {"rope_scaling", {{"rope_type", "linear"}, {"factor", g.rope_global_divisor}}}}},
          {"clip_model/config.json",
           {{"architectures", {"JinaCLIPModel"}},
            {"model_type", "jina_clip"},
            {"text_config",
             {{"embed_dim", j.width},
              {"hf_model_config_kwargs",
               {{"vocab_size", j.vocabulary},
                {"hidden_size", j.width},
                {"num_hidden_layers", j.layers},
                {"num_attention_heads", j.heads},
                {"intermediate_size", j.ffn},
                {"layer_norm_eps", j.norm_eps},
                {"rotary_emb_base", j.rope_base}}}}}}},
          {"vae/config.json",
           {{"_class_name", "AutoencoderKL"},
            {"block_out_channels", m.vae.channels},
            {"layers_per_block", m.vae.encoder_blocks},
            {"latent_channels", m.vae.latent_channels},
            {"norm_num_groups", m.vae.groups},
            {"scaling_factor", m.vae.scaling_factor},
            {"shift_factor", m.vae.shift_factor},
            {"sample_size", m.vae.sample_size}}}};
}

std::vector<StreamedTensor> tensors_of(const PlannedFile& file, const std::function<void(size_t)>& on_bytes) {
  std::vector<StreamedTensor> out;
  for (const std::string& name : file.weights.names()) {
    const TensorSpec spec = *file.weights.find(name);
    out.push_back({file.prefix + name, spec, [&file, name, spec, on_bytes](const auto& write) {
                     std::vector<std::byte> piece(std::min(kPiece, spec.shape.elements()) * size_of(spec.dtype));
                     for (size_t first = 0; first < spec.shape.elements(); first += kPiece) {
                       const size_t count = std::min(kPiece, spec.shape.elements() - first);
                       file.weights.read_part(name, first, count, piece.data());
                       write(std::span(piece).first(count * size_of(spec.dtype)));
                       on_bytes(count * size_of(spec.dtype));
                     }
                   }});
  }
  for (const auto& [name, shape] : file.unused)
    out.push_back({file.prefix + name, {shape, DType::BF16}, [shape = shape](const auto& write) {
                     write(std::vector<std::byte>(TensorSpec{shape, DType::BF16}.bytes()));
                   }});
  return out;
}

// Of a file: what tells one of holes from one of values.
std::map<std::string, std::string> metadata_of(MadeUp weights) {
  std::map<std::string, std::string> out{{"format", "pt"}};
  if (weights == MadeUp::Shapes) out["newbie.weights"] = "holes";
  return out;
}

// Files are written beside their place and renamed, so one that opens and holds the right tensors is whole.
bool is_whole(const PlannedFile& file, MadeUp weights) {
  std::error_code ignored;
  if (!fs::is_regular_file(file.path, ignored)) return false;
  try {
    const SafetensorsFile there(file.path);
    if (there.metadata().contains("newbie.weights") != (weights == MadeUp::Shapes)) return false;
    const std::vector<std::string> names = file.weights.names();
    return there.entries().size() == names.size() + file.unused.size() &&
           std::all_of(names.begin(), names.end(), [&](const std::string& name) {
             const SafetensorsEntry* entry = there.find(file.prefix + name);
             return entry != nullptr && entry->dtype == DType::BF16 &&
                    Shape(entry->shape) == file.weights.find(name)->shape;
           });
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<SynthesizedFile> synthesize_model(const fs::path& folder, const fs::path& tokenizers, MadeUp weights,
                                              const std::function<void(const SynthesisProgress&)>& on_progress,
                                              StopToken stop) {
  const ModelSizes sizes = full_size();
  const std::vector<PlannedFile> files = plan_files(folder, sizes);
  std::vector<bool> whole;
  size_t bytes = 0, missing = 0;
  for (const PlannedFile& file : files) {
    whole.push_back(is_whole(file, weights));
    bytes += file.bytes();
    if (!whole.back() && weights == MadeUp::Values) missing += file.bytes();
  }
  NewPaths made;  // folders alone: those that whole files lie in stay
  made.make_folder(folder);
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < missing)
    fail_with_hint(ErrorKind::OverBudget, "make room, or choose another disk", "{}: expected room for {} bytes, got {}",
                   folder.string(), missing, space.available);

  std::vector<SynthesizedFile> done;
  SynthesisProgress progress{.bytes = bytes};
  for (size_t i = 0; i < files.size(); ++i) {
    const PlannedFile& file = files[i];
    progress.file = file.path;
    progress.kept = whole[i];
    const size_t before = progress.bytes_done;
    on_progress(progress);
    if (!whole[i]) {
      made.make_folder(file.path.parent_path());
      const auto on_bytes = [&](size_t count) {
        progress.bytes_done += count;
        on_progress(progress);
      };
      if (weights == MadeUp::Shapes)
        write_safetensors_shapes(file.path, tensors_of(file, on_bytes), metadata_of(weights));
      else
        stream_safetensors(file.path, stoppable(tensors_of(file, on_bytes), stop), metadata_of(weights));
    }
    progress.bytes_done = before + file.bytes();
    done.push_back({file.path, static_cast<size_t>(fs::file_size(file.path))});
  }
  for (const auto& [name, json] : configurations(sizes)) {
    made.make_folder((folder / name).parent_path());
    const std::string text = json.dump(2) + '\n';
    write_file_atomically(folder / name, text);
    done.push_back({folder / name, text.size()});
  }
  constexpr size_t kMost = size_t{256} << 20;
  for (const char* name : {"text_encoder/tokenizer.json", "text_encoder/tokenizer_config.json",
                           "clip_model/tokenizer.json", "clip_model/tokenizer_config.json"}) {
    if (!fs::is_regular_file(tokenizers / name)) continue;
    const std::string text = read_file(tokenizers / name, kMost);
    write_file_atomically(folder / name, text);
    done.push_back({folder / name, text.size()});
  }
  made.keep();
  return done;
}

}  // namespace newbie
