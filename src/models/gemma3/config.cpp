#include "models/gemma3/config.h"

#include <cmath>

#include "core/printable.h"

namespace newbie {

namespace {

struct Rope {
  double base;
  double divisor;
};

// One entry of `rope_parameters`, or the older flat fields: {"rope_type": "linear", "factor": 8}.
double linear_factor(const Json& scaling, const std::string& where) {
  if (!scaling.is_object()) return 1.0;
  const Json type = scaling.value("rope_type", scaling.value("type", Json("default")));
  if (type == "default") return 1.0;
  if (type != "linear")
    fail(ErrorKind::Unsupported, "{}: RoPE scaling {} is not known, only linear", where, in_quotes(type.dump()));
  return config_number(scaling, "factor", 1.0, 1e-3, 1e6, where);
}

Rope newer_rope(const Json& parameters, const char* layer_type, Rope fallback, const std::string& where) {
  if (!parameters.contains(layer_type)) return fallback;
  const Json& entry = parameters.at(layer_type);
  return {config_number(entry, "rope_theta", fallback.base, 1, 1e12, where), linear_factor(entry, where)};
}

std::vector<bool> layer_pattern(const Json& json, int64_t layers, const std::string& where) {
  std::vector<bool> global(static_cast<size_t>(layers));
  if (json.is_object() && json.contains("layer_types") && json.at("layer_types").is_array()) {
    const Json& types = json.at("layer_types");
    if (static_cast<int64_t>(types.size()) < layers)
      fail(ErrorKind::BadFile, "{}: layer_types has {} entries, the file has {} layers", where, types.size(), layers);
    for (size_t i = 0; i < global.size(); ++i) global[i] = types[i] == "full_attention";
    return global;
  }
  double pattern = config_number(json, "_sliding_window_pattern", 6, 1, 1e6, where);
  pattern = config_number(json, "sliding_window_pattern", pattern, 1, 1e6, where);
  for (size_t i = 0; i < global.size(); ++i) global[i] = (i + 1) % static_cast<size_t>(pattern) == 0;
  return global;
}

}  // namespace

Gemma3Config gemma3_config(const ConfigSource& source) {
  const Json json =
      source.json.is_object() && source.json.contains("text_config") ? source.json.at("text_config") : source.json;
  const std::string& where = source.where;

  Gemma3Config c;
  const Shape table = source.require("embed_tokens.weight", 2);
  c.vocabulary = table[0];
  c.width = table[1];
  c.layers = source.count("layers.", ".self_attn.q_proj.weight");
  if (c.layers < 2)
    fail(ErrorKind::BadFile, "{}: a Gemma 3 encoder needs at least 2 layers, found {}", where, c.layers);
  const double told = config_number(json, "num_hidden_layers", static_cast<double>(c.layers), 0, 1e6, where);
  if (told > static_cast<double>(c.layers))
    fail_with_hint(ErrorKind::BadFile, "is the download complete?", "{}: expected {} layers, got {}", where, told,
                   c.layers);
  if (!source.shape("layers.0.self_attn.q_norm.weight"))
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses Gemma 3 4B",
                   "{}: no self_attn.q_norm: this looks like Gemma 2 or another language model", where);
  c.head_size = source.require("layers.0.self_attn.q_norm.weight", 1)[0];
  const Shape q = source.require("layers.0.self_attn.q_proj.weight", 2),
              k = source.require("layers.0.self_attn.k_proj.weight", 2);
  c.heads = q[0] / c.head_size;
  c.kv_heads = k[0] / c.head_size;
  if (c.heads < 1 || c.kv_heads < 1 || c.heads * c.head_size != q[0] || c.kv_heads * c.head_size != k[0] ||
      c.heads % c.kv_heads != 0 || c.head_size % 2 != 0)
    fail(ErrorKind::BadFile, "{}: q_proj {} and k_proj {} do not fit head size {}", where, q.str(), k.str(),
         c.head_size);
  c.ffn = source.require("layers.0.mlp.gate_proj.weight", 2)[0];

  const bool has_json = json.is_object();
  c.sliding_window = static_cast<int64_t>(config_number(json, "sliding_window", 1024, 1, 1e9, where));
  c.global = layer_pattern(json, c.layers, where);
  c.norm_eps = config_number(json, "rms_norm_eps", 1e-6, 0, 1, where);
  // Gemma 3's attention scale is query_pre_attn_scalar^-½; every published size sets that to its head size.
  c.attention_scale =
      1.0 / std::sqrt(config_number(json, "query_pre_attn_scalar", static_cast<double>(c.head_size), 1, 1e6, where));
  if (has_json) {
    Rope local{config_number(json, "rope_local_base_freq", 1e4, 1, 1e12, where), 1.0};
    Rope global{config_number(json, "rope_theta", 1e6, 1, 1e12, where),
                json.contains("rope_scaling") ? linear_factor(json.at("rope_scaling"), where) : 1.0};
    if (json.contains("rope_parameters") && json.at("rope_parameters").is_object()) {
      local = newer_rope(json.at("rope_parameters"), "sliding_attention", local, where);
      global = newer_rope(json.at("rope_parameters"), "full_attention", global, where);
    }
    c.rope_local_base = local.base;
    c.rope_global_base = global.base;
    c.rope_global_divisor = global.divisor;
  }
  return c;
}

}  // namespace newbie
