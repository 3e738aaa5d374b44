#include "train_config.h"

#include <algorithm>
#include <optional>

#include "arguments.h"
#include "core/edit_distance.h"
#include "core/error.h"
#include "core/files.h"
#include "generate/request_json.h"
#include "toml_file.h"
#include "units.h"

namespace newbie {

namespace {

constexpr size_t kMostConfigBytes = size_t{1} << 20;

// One value of the file, and where it stands.
struct Setting {
  const toml::node& node;
  std::string at;  // "config.toml:7: lora_rank"
  Log& log;

  [[noreturn]] void expected(std::string_view what) const {
    fail(ErrorKind::InvalidRequest, "{}: expected {}", at, what);
  }
  std::string text() const {
    if (const auto* v = node.as_string()) return v->get();
    expected("text in quotes");
  }
  bool truth() const {
    if (const auto* v = node.as_boolean()) return v->get();
    expected("true or false");
  }
  int64_t whole() const {
    if (const auto* v = node.as_integer()) return v->get();
    expected("a whole number");
  }
  double real() const {
    if (const auto* v = node.as_floating_point()) return v->get();
    if (const auto* v = node.as_integer()) return static_cast<double>(v->get());
    if (const auto* v = node.as_string()) return parse_real(at, v->get());  // the official files have "1e-4"
    expected("a number");
  }
  std::vector<std::string> list() const {
    std::vector<std::string> out;
    const auto* array = node.as_array();
    if (array == nullptr) return {text()};
    for (const toml::node& one : *array) {
      if (!one.is_string()) expected("a list of texts");
      out.push_back(one.as_string()->get());
    }
    return out;
  }
};

// What the file says that only has a meaning together.
struct Draft {
  TrainOptions o;
  std::optional<int64_t> lora_rank, lokr_rank;
  std::optional<double> lora_alpha, lokr_alpha;
  std::vector<std::string> lora_targets, lokr_targets;
};

void set_precision(PrecisionRequest& to, const Setting& s) {
  const std::string word = s.text();
  to = word == "no"     ? PrecisionRequest(PrecisionPreset::F32)
       : word == "fp16" ? PrecisionRequest(PrecisionPreset::F16)
                        : PrecisionRequest(parse_precision_preset(s.at, word));
}

void set_adapter(Draft& d, const Setting& s) {
  std::string word = s.text();
  if (word == "lyco_lokr" || word == "lycoris_lokr" || word == "lyco-lokr") word = "lokr";
  const auto kind = find_training_kind(word);
  if (!kind) s.expected("lora, dora, lokr or full");
  d.o.adapter.kind = *kind;
}

// A setting of the official trainer that is not built: only the value that turns it off.
void only(const Setting& s, double off) {
  if (s.real() != off)
    fail_with_hint(ErrorKind::Unsupported, fmt::format("Set it to {}.", off), "{}: not supported", s.at);
}

void ignored(const Setting& s, std::string_view why) { s.log.warn("{} means nothing here: {}", s.at, why); }

struct Key {
  std::string_view name, kind, help;
  void (*set)(Draft& d, const Setting& s);
};

constexpr Key kKeys[] = {
    {"base_model_path", "path", "the model's folder", [](Draft& d, const Setting& s) { d.o.model.folder = s.text(); }},
    {"transformer_path", "path", "the transformer alone",
     [](Draft& d, const Setting& s) { d.o.model.transformer = s.text(); }},
    {"gemma_model_path", "path", "the text encoder alone",
     [](Draft& d, const Setting& s) { d.o.model.text_encoder = s.text(); }},
    {"clip_model_path", "path", "Jina CLIP alone", [](Draft& d, const Setting& s) { d.o.model.clip_model = s.text(); }},
    {"vae_path", "path", "the autoencoder alone", [](Draft& d, const Setting& s) { d.o.model.vae = s.text(); }},
    {"train_data_dir", "path", "pictures and captions", [](Draft& d, const Setting& s) { d.o.data = s.text(); }},
    {"validation_data_dir", "path", "pictures and captions that are not trained on",
     [](Draft& d, const Setting& s) { d.o.validation_data = s.text(); }},
    {"output_dir", "path", "checkpoints, log and result", [](Draft& d, const Setting& s) { d.o.output = s.text(); }},
    {"output_name", "text", "of the adapter's file", [](Draft& d, const Setting& s) { d.o.name = s.text(); }},
    {"cache_dir", "path", "encoded pictures and captions; runs may share it (cache in output_dir)",
     [](Draft& d, const Setting& s) { d.o.cache = s.text(); }},
    {"strict", "true or false", "a picture that cannot be read ends the run (false: it is left out)",
     [](Draft& d, const Setting& s) { d.o.strict = s.truth(); }},

    {"adapter_type", "text", "lora, dora, lokr, or full: all weights (lora)", set_adapter},
    {"lora_rank", "number", "numbers a row and column are made of (16)",
     [](Draft& d, const Setting& s) { d.lora_rank = s.whole(); }},
    {"lora_alpha", "number", "the scale is alpha / rank (the rank)",
     [](Draft& d, const Setting& s) { d.lora_alpha = s.real(); }},
    {"lora_target_modules", "list", "matrices by the end of their names; * and ranges: layers.4-9.attention.qkv",
     [](Draft& d, const Setting& s) { d.lora_targets = s.list(); }},
    {"use_rslora", "true or false", "the scale is alpha / √rank (false)",
     [](Draft& d, const Setting& s) { d.o.adapter.rslora = s.truth(); }},
    {"use_dora", "true or false", "adapter_type dora by another name (false)",
     [](Draft& d, const Setting& s) {
       if (s.truth()) d.o.adapter.kind = TrainingKind::Dora;
     }},
    {"lora_dropout", "number", "share of what a LoRA or DoRA sees that is left out, while training (0)",
     [](Draft& d, const Setting& s) { d.o.adapter.dropout = s.real(); }},
    {"lokr_rank", "number", "of LoKr (lora_rank); large: both factors whole",
     [](Draft& d, const Setting& s) { d.lokr_rank = s.whole(); }},
    {"lokr_alpha", "number", "of LoKr (lora_alpha)", [](Draft& d, const Setting& s) { d.lokr_alpha = s.real(); }},
    {"lokr_target_modules", "list", "of LoKr (lora_target_modules)",
     [](Draft& d, const Setting& s) { d.lokr_targets = s.list(); }},
    {"lokr_factor", "number", "side of LoKr's first factor; -1: the most square (-1)",
     [](Draft& d, const Setting& s) { d.o.adapter.lokr_factor = s.whole(); }},
    {"lokr_dropout", "number", "has no effect in LyCORIS either",
     [](Draft&, const Setting& s) {
       if (s.real() != 0) ignored(s, "LyCORIS does not drop in LoKr");
     }},
    {"lokr_rank_dropout", "number", "only 0", [](Draft&, const Setting& s) { only(s, 0); }},
    {"lokr_module_dropout", "number", "only 0", [](Draft&, const Setting& s) { only(s, 0); }},
    {"lokr_train_norm", "true or false", "has no effect in LyCORIS either",
     [](Draft&, const Setting& s) { ignored(s, "LyCORIS trains no norms of this network"); }},

    {"resolution", "number", "side of a square picture; others have its area (1024)",
     [](Draft& d, const Setting& s) { d.o.buckets.resolution = s.whole(); }},
    {"enable_bucket", "true or false", "several aspect ratios (true)",
     [](Draft& d, const Setting& s) { d.o.buckets.enabled = s.truth(); }},
    {"bucket_min", "number", "shortest side (256)", [](Draft& d, const Setting& s) { d.o.buckets.least = s.whole(); }},
    {"bucket_max", "number", "longest side (2048)", [](Draft& d, const Setting& s) { d.o.buckets.most = s.whole(); }},
    {"bucket_step", "number", "sides are multiples of it (64)",
     [](Draft& d, const Setting& s) { d.o.buckets.step = s.whole(); }},
    {"gemma3_prompt", "text", "in front of captions: a text, or the name of a system prompt; \"\": none",
     [](Draft& d, const Setting& s) { d.o.system_prompt = s.text(); }},
    {"caption_dropout", "number", "share of samples without words (0)",
     [](Draft& d, const Setting& s) { d.o.caption_dropout = s.real(); }},
    {"tag_orders", "number", "orders of a caption's tags that are trained on; 1: as they are written (1)",
     [](Draft& d, const Setting& s) { d.o.tags.orders = s.whole(); }},
    {"keep_tags", "number", "tags at the front that stay there (0)",
     [](Draft& d, const Setting& s) { d.o.tags.keep = s.whole(); }},
    {"tag_separator", "text", "of tags (\",\")", [](Draft& d, const Setting& s) { d.o.tags.separator = s.text(); }},
    {"keep_tags_separator", "text", "all before its first place stays, as \"|||\" (none)",
     [](Draft& d, const Setting& s) { d.o.tags.kept_separator = s.text(); }},
    {"read_official_caches", "true or false",
     "believe the .safetensors of the official trainer beside pictures; the shift is taken off (false)",
     [](Draft& d, const Setting& s) { d.o.official_caches = s.truth(); }},

    {"train_batch_size", "number", "samples of a batch (1)", [](Draft& d, const Setting& s) { d.o.batch_size = s.whole(); }},
    {"accumulate", "number", "batches of a step (1)", [](Draft& d, const Setting& s) { d.o.accumulate = s.whole(); }},
    {"num_epochs", "number", "times through all pictures (1)", [](Draft& d, const Setting& s) { d.o.epochs = s.whole(); }},
    {"max_steps", "number", "instead of epochs", [](Draft& d, const Setting& s) { d.o.steps = s.whole(); }},
    {"learning_rate", "number", "the highest (1e-4)", [](Draft& d, const Setting& s) { d.o.lr = s.real(); }},
    {"lr_scheduler", "text", "constant, constant_with_warmup, linear, cosine, cosine_with_restarts, polynomial (cosine)",
     [](Draft& d, const Setting& s) {
       const auto kind = find_lr_schedule(s.text());
       if (!kind) s.expected("constant, constant_with_warmup, linear, cosine, cosine_with_restarts or polynomial");
       d.o.schedule = *kind;
     }},
    {"lr_warmup_steps", "number", "steps in which it rises from 0 (0)",
     [](Draft& d, const Setting& s) { d.o.warmup = s.whole(); }},
    {"lr_cycles", "number", "of cosine_with_restarts (1)", [](Draft& d, const Setting& s) { d.o.cycles = s.whole(); }},
    {"optimizer_type", "text", "AdamW, AdamW8bit, Lion or Adafactor (AdamW)",
     [](Draft& d, const Setting& s) {
       const auto kind = find_optimizer_kind(s.text());
       if (!kind) s.expected("AdamW, AdamW8bit, Lion or Adafactor");
       d.o.optimizer.kind = *kind;
     }},
    {"weight_decay", "number", "of the optimizer (0.01; Adafactor: 0)",
     [](Draft& d, const Setting& s) {
       d.o.optimizer.adamw.weight_decay = d.o.optimizer.lion.weight_decay = d.o.optimizer.adafactor.weight_decay =
           s.real();
     }},
    {"gradient_clip_norm", "number", "of all gradients together; 0: none (1)",
     [](Draft& d, const Setting& s) { d.o.clip = s.real(); }},
    {"ema_decay", "number", "the result is a running mean of the weights (none)",
     [](Draft& d, const Setting& s) { d.o.ema = s.real(); }},
    {"time_sampling", "text", "lognorm or uniform (lognorm)",
     [](Draft& d, const Setting& s) {
       const std::string word = s.text();
       if (word != "lognorm" && word != "uniform") s.expected("lognorm or uniform");
       d.o.times.density = word == "uniform" ? TimeDensity::Uniform : TimeDensity::LogNormal;
     }},
    {"do_shift", "true or false", "times are shifted towards noise (true)",
     [](Draft& d, const Setting& s) { d.o.times.shift = s.truth(); }},
    {"shift_by_bucket", "true or false", "by the picture's own size, not by resolution (false)",
     [](Draft& d, const Setting& s) { d.o.times.shift_by_bucket = s.truth(); }},
    {"seed", "number", "of all that is drawn (42)",
     [](Draft& d, const Setting& s) { d.o.seed = static_cast<uint64_t>(s.whole()); }},

    {"mixed_precision", "text", "no, bf16, fp16, or a precision of `newbie precision` (auto)",
     [](Draft& d, const Setting& s) { set_precision(d.o.precision, s); }},
    {"encoder_precision", "text", "of the text encoders (auto)",
     [](Draft& d, const Setting& s) { set_precision(d.o.encoder_precision, s); }},
    {"scaler", "text", "losses are scaled: auto (with fp16), on, off (auto)",
     [](Draft& d, const Setting& s) {
       const std::string word = s.text();
       if (word != "auto" && word != "on" && word != "off") s.expected("auto, on or off");
       d.o.scaler = word == "auto" ? ScalerChoice::Auto : word == "on" ? ScalerChoice::On : ScalerChoice::Off;
     }},
    {"loss_scale", "number", "the scaler's first (65536)",
     [](Draft& d, const Setting& s) { d.o.scaler_start.scale = static_cast<float>(s.real()); }},
    {"loss_scale_floor", "number", "the scaler's least; 0: none, as PyTorch (0)",
     [](Draft& d, const Setting& s) { d.o.scaler_options.floor = s.real(); }},
    {"max_bad_steps", "number", "steps in a row whose gradients are no numbers, then the run stops (20)",
     [](Draft& d, const Setting& s) { d.o.most_bad_steps = s.whole(); }},
    {"activation_memory", "text", "of a sample's way there and back, \"2GiB\": what does not fit is computed again",
     [](Draft& d, const Setting& s) { d.o.activation_bytes = parse_bytes(s.at, s.text()); }},
    {"memory", "text", "of training, \"12GiB\": activations are computed again, then weights read or prepared again, to fit",
     [](Draft& d, const Setting& s) { d.o.memory_bytes = parse_memory(s.at, s.text()); }},
    {"gradient_checkpointing", "true or false", "activations are computed again, but for the few that cost most to",
     [](Draft& d, const Setting& s) { d.o.recompute = s.truth(); }},
    {"save_dtype", "text", "of the adapter: bf16, f16 or f32 (bf16)",
     [](Draft& d, const Setting& s) {
       const std::string word = s.text();
       if (word != "bf16" && word != "f16" && word != "f32") s.expected("bf16, f16 or f32");
       d.o.saved_dtype = word == "f32" ? DType::F32 : word == "f16" ? DType::F16 : DType::BF16;
     }},
    {"save_every_steps", "number", "checkpoints; 0: at the end of epochs (0)",
     [](Draft& d, const Setting& s) { d.o.save_every = s.whole(); }},
    {"save_epochs_interval", "number", "checkpoints are at the end of every epoch",
     [](Draft&, const Setting& s) { ignored(s, "see save_every_steps and keep_checkpoints"); }},
    {"keep_checkpoints", "number", "the latest (3)", [](Draft& d, const Setting& s) { d.o.keep = s.whole(); }},
    {"validate_every_steps", "number", "0: at checkpoints (0)",
     [](Draft& d, const Setting& s) { d.o.validate_every = s.whole(); }},

    {"sample_every_steps", "number", "samples are drawn, and a checkpoint is written before; 0: at checkpoints (0)",
     [](Draft& d, const Setting& s) { d.o.samples.every = s.whole(); }},

    {"use_cache", "true or false", "what is encoded is always kept",
     [](Draft&, const Setting& s) {
       if (!s.truth()) ignored(s, "the encoders are freed before the transformer is loaded");
     }},
    {"trust_remote_code", "true or false", "no code comes with a model",
     [](Draft&, const Setting& s) { s.truth(); }},
    {"dataloader_num_workers", "number", "there are none", [](Draft&, const Setting& s) { s.whole(); }},
    {"use_flash_attention_2", "true or false", "attention is what it is", [](Draft&, const Setting& s) { s.truth(); }},
};

const Key* find_key(std::string_view name) {
  for (const Key& key : kKeys)
    if (key.name == name) return &key;
  return nullptr;
}

constexpr std::string_view kSections[] = {"Model", "Optimization", "Training"}, kSampleSection = "sample";

OrderedJson json_of(const toml::node& node, const std::string& at) {
  if (const auto* v = node.as_string()) return v->get();
  if (const auto* v = node.as_boolean()) return v->get();
  if (const auto* v = node.as_integer()) return v->get();
  if (const auto* v = node.as_floating_point()) return v->get();
  const auto* array = node.as_array();
  if (array == nullptr) fail(ErrorKind::InvalidRequest, "{}: expected a text, a number, true, false or a list", at);
  OrderedJson out = OrderedJson::array();
  for (const toml::node& one : *array) out.push_back(json_of(one, at));
  return out;
}

// [sample], or several [[sample]]: requests by the names of their fields.
void add_sample(const toml::node& node, const std::string& at, std::vector<GenerateRequest>& out) {
  if (const auto* list = node.as_array()) {
    for (const toml::node& one : *list) add_sample(one, at, out);
    return;
  }
  const auto* table = node.as_table();
  if (table == nullptr)
    fail_with_hint(ErrorKind::InvalidRequest, "[[sample]] and below it prompt = \"1girl\"", "{}: expected a table", at);
  OrderedJson fields = OrderedJson::object();
  for (const auto& [name, value] : *table) fields[std::string(name.str())] = json_of(value, at);
  try {
    out.push_back(request_from_json(fields));
    check_request(out.back());
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{}: {}", at, e.message()), e.hint());
  }
}

void apply(const toml::table& table, const std::string& file, Draft& draft, Log& log) {
  for (const auto& [name, node] : table) {
    const std::string key(name.str());
    const Setting setting{node, fmt::format("{}:{}: {}", file, node.source().begin.line, key), log};
    if (key == kSampleSection) {
      add_sample(node, fmt::format("{}:{}: {}", file, node.source().begin.line, key), draft.o.samples.requests);
      continue;
    }
    if (const auto* inner = node.as_table()) {
      if (key == "rank_pattern" || key == "alpha_pattern") {
        for (const auto& [pattern, value] : *inner) {
          const Setting one{value,
                            fmt::format("{}:{}: {}", file, value.source().begin.line, std::string(pattern.str())), log};
          if (key == "rank_pattern")
            draft.o.adapter.rank_pattern[std::string(pattern.str())] = one.whole();
          else
            draft.o.adapter.alpha_pattern[std::string(pattern.str())] = one.real();
        }
        continue;
      }
      if (std::find(std::begin(kSections), std::end(kSections), key) == std::end(kSections))
        fail_with_hint(ErrorKind::InvalidRequest,
                       "sections: Model, Optimization, Training, rank_pattern, alpha_pattern, sample",
                       "{}: unknown section", setting.at);
      apply(*inner, file, draft, log);
      continue;
    }
    const Key* known = find_key(key);
    if (known == nullptr) {
      const Key& nearest = *std::min_element(std::begin(kKeys), std::end(kKeys), [&](const Key& a, const Key& b) {
        return edit_distance(key, a.name) < edit_distance(key, b.name);
      });
      fail_with_hint(ErrorKind::InvalidRequest,
                     fmt::format("The nearest is {}. All keys: newbie train --keys", nearest.name), "{}: unknown key",
                     setting.at);
    }
    known->set(draft, setting);
  }
}

}  // namespace

TrainOptions read_train_config(const std::filesystem::path& file, Log& log) {
  const std::string name = file.string(), text = read_file(file, kMostConfigBytes);
  const toml::table table = parse_toml(text, name);
  Draft d;
  apply(table, name, d, log);
  AdapterOptions& a = d.o.adapter;
  const bool lokr = a.kind == TrainingKind::Lokr;
  if (d.lora_rank) a.rank = *d.lora_rank;
  if (lokr && d.lokr_rank) a.rank = *d.lokr_rank;
  a.alpha = static_cast<double>(a.rank);
  if (d.lora_alpha) a.alpha = *d.lora_alpha;
  if (lokr && d.lokr_alpha) a.alpha = *d.lokr_alpha;
  a.targets = lokr && !d.lokr_targets.empty() ? d.lokr_targets : d.lora_targets;
  return std::move(d.o);
}

std::string train_keys() {
  std::string out;
  for (const Key& key : kKeys) out += fmt::format("{:<24}{:<15}{}\n", key.name, key.kind, key.help);
  return out;
}

}  // namespace newbie
