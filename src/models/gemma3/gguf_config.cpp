// llama.cpp's keys for Gemma 3 (spec/gguf.md §4) as the fields of a config.json. Not stored, and so left to the
// built-in values: the pattern (every sixth layer is global) and the scale of queries (head size^-½).
#include "models/gemma3/config.h"

namespace newbie {

namespace {

struct KeyField {
  const char* key;
  const char* field;
};
constexpr KeyField kFields[] = {
    {"block_count", "num_hidden_layers"},
    {"attention.sliding_window", "sliding_window"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    {"rope.freq_base", "rope_theta"},
    {"rope.freq_base_swa", "rope_local_base_freq"},
};

bool is_4b(const Json& keys) {
  return keys.value("block_count", 0.0) == 34 && keys.value("embedding_length", 0.0) == 2560;
}

}  // namespace

Json gemma3_config_of_gguf(const Json& keys, std::string& filled_in) {
  Json config = Json::object();
  for (const KeyField& row : kFields)
    if (keys.contains(row.key)) config[row.field] = keys.at(row.key);
  const std::string type = keys.value("rope.scaling.type", "none");
  if (type != "none") {
    config["rope_scaling"] = {{"rope_type", type}, {"factor", keys.value("rope.scaling.factor", 1.0)}};
  } else if (is_4b(keys)) {
    config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
    filled_in = "rope.scaling.factor 8";
  } else {
    config["rope_scaling"] = nullptr;  // said: none
  }
  return config;
}

}  // namespace newbie
