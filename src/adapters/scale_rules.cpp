#include "adapters/scale_rules.h"

#include <charconv>
#include <cmath>

#include "adapters/pattern.h"
#include "core/printable.h"

namespace newbie {

namespace {

constexpr const char* kDiffusersEntry = "lora_adapter_metadata";
constexpr std::string_view kPeftPrefix = "base_model.model.";

const OrderedJson* member(const OrderedJson& object, const std::string& key) {
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

double finite_number(const OrderedJson& json, const std::string& what) {
  const double value = json.is_number() ? json.get<double>() : NAN;
  if (!std::isfinite(value)) fail(ErrorKind::BadFile, "{}: expected a number, got {}", what, json.dump());
  return value;
}

bool flag(const OrderedJson& object, const std::string& key, const std::string& where) {
  const OrderedJson* value = member(object, key);
  if (value == nullptr) return false;
  if (!value->is_boolean())
    fail(ErrorKind::BadFile, "{}: {}: expected true or false, got {}", where, key, value->dump());
  return value->get<bool>();
}

template <typename T, typename Read>
std::vector<std::pair<std::string, T>> patterns(const OrderedJson& object, const std::string& key,
                                                const std::string& where, const Read& read) {
  std::vector<std::pair<std::string, T>> out;
  const OrderedJson* table = member(object, key);
  if (table == nullptr) return out;
  if (!table->is_object()) fail(ErrorKind::BadFile, "{}: {}: expected an object, got {}", where, key, table->dump());
  for (const auto& [pattern, value] : table->items())
    out.emplace_back(pattern, read(value, where + ": " + key + ": " + in_quotes(pattern)));
  return out;
}

int64_t rank_number(const OrderedJson& json, const std::string& what) {
  const double value = finite_number(json, what);
  if (value < 1 || value > 1e6 || value != std::floor(value))
    fail(ErrorKind::BadFile, "{}: expected a rank, got {}", what, json.dump());
  return static_cast<int64_t>(value);
}

template <typename T>
const T* first_match(const std::vector<std::pair<std::string, T>>& table, const ScaleRules::ModuleName& module) {
  std::string_view spelt = module.spelt;  // PEFT matches what its own model calls a module
  if (spelt.starts_with(kPeftPrefix)) spelt.remove_prefix(kPeftPrefix.size());
  for (const auto& [pattern, value] : table)
    if (pattern_matches(pattern, module.bare) || pattern_matches(pattern, spelt)) return &value;
  return nullptr;
}

// Ways of PEFT to begin that change the base, too: such a file is of W less its first factors, which nobody has here.
constexpr std::string_view kChangesTheBase[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};

void refuse_other_meanings(const OrderedJson& config, const std::string& prefix, const std::string& where) {
  const OrderedJson* start = member(config, prefix + "init_lora_weights");
  if (start != nullptr && start->is_string())
    for (const std::string_view way : kChangesTheBase)
      if (start->get_ref<const std::string&>().starts_with(way))
        fail_with_hint(ErrorKind::Unsupported,
                       "PEFT makes a plain LoRA of it: save_pretrained(…, path_initial_model_for_weight_conversion=…)",
                       "{}: init_lora_weights {}: its factors are of a base that was changed with them", where,
                       start->dump());
  if (const OrderedJson* tokens = member(config, prefix + "alora_invocation_tokens"); tokens != nullptr)
    fail(ErrorKind::Unsupported, "{}: alora_invocation_tokens: it acts behind certain tokens only", where);
}

std::optional<double> number_in(const std::map<std::string, std::string>& metadata, const char* key) {
  const auto at = metadata.find(key);
  if (at == metadata.end()) return std::nullopt;
  double value = 0;
  const char* end = at->second.data() + at->second.size();
  const auto [stop, error] = std::from_chars(at->second.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

OrderedJson parsed_object(const std::string& text, const std::string& where) {
  OrderedJson json = parse_ordered_json(text, where);
  if (!json.is_object()) fail(ErrorKind::BadFile, "{}: expected a JSON object, got {}", where, json.type_name());
  return json;
}

}  // namespace

void ScaleRules::Numbers::read_patterns(const OrderedJson& json, const std::string& prefix) {
  rank_pattern = patterns<int64_t>(json, prefix + "rank_pattern", origin, rank_number);
  alpha_pattern = patterns<double>(json, prefix + "alpha_pattern", origin, finite_number);
}

double ScaleRules::Numbers::alpha_of(const ModuleName& module) const {
  const double* patterned = first_match(alpha_pattern, module);
  return patterned != nullptr ? *patterned : alpha;
}

std::optional<int64_t> ScaleRules::Numbers::rank_of(const ModuleName& module) const {
  const int64_t* patterned = first_match(rank_pattern, module);
  return patterned != nullptr ? *patterned : rank;
}

ScaleRules::Numbers ScaleRules::read(const OrderedJson& json, const std::string& prefix, const std::string& where) {
  Numbers numbers{.origin = where};
  if (const OrderedJson* rank = member(json, prefix + "r")) numbers.rank = rank_number(*rank, where + ": r");
  if (const OrderedJson* alpha = member(json, prefix + "lora_alpha"))
    numbers.alpha = finite_number(*alpha, where + ": lora_alpha");
  numbers.by_root = flag(json, prefix + "use_rslora", where);
  numbers.read_patterns(json, prefix);
  refuse_other_meanings(json, prefix, where);
  dora_ = dora_ || flag(json, prefix + "use_dora", where);
  if (flag(json, prefix + "fan_in_fan_out", where))
    fail(ErrorKind::Unsupported, "{}: fan_in_fan_out: factors of transposed weights are not read", where);
  return numbers;
}

void ScaleRules::read_config(const std::string& text, const std::string& where) {
  const OrderedJson json = parsed_object(text, where);
  const OrderedJson* type_entry = member(json, "peft_type");
  const std::string type = type_entry != nullptr && type_entry->is_string() ? type_entry->get<std::string>() : "LORA";
  if (type == "LYCORIS") return;  // the official trainer's: the scale is in the tensors
  if (type == "LOKR" || type == "LOHA") {
    const OrderedJson *rank = member(json, "r"), *alpha = member(json, "alpha");
    if (rank == nullptr || alpha == nullptr) return;
    products_ = Numbers{
        .origin = where, .rank = rank_number(*rank, where + ": r"), .alpha = finite_number(*alpha, where + ": alpha")};
    products_->read_patterns(json, "");
    return;
  }
  if (type != "LORA")
    fail_with_hint(ErrorKind::Unsupported, "LoRA, DoRA, LoKr and LoHa are read",
                   "{}: expected an adapter of a kind that is known, got peft_type {}", where, in_quotes(type));
  if (const OrderedJson* copies = member(json, "layer_replication"); copies != nullptr && !copies->empty())
    fail(ErrorKind::Unsupported, "{}: layer_replication: a model with layers doubled is another model", where);
  transformer_ = text_encoder_ = read(json, "", where);
}

void ScaleRules::read_metadata(const std::map<std::string, std::string>& metadata, const std::string& file,
                               bool peft_names) {
  if (const auto entry = metadata.find(kDiffusersEntry); entry != metadata.end()) {
    const std::string where = file + ": metadata " + kDiffusersEntry;
    const OrderedJson json = parsed_object(entry->second, where);
    for (const auto& [prefix, numbers] : {std::pair{"transformer.", &transformer_}, std::pair{"unet.", &transformer_},
                                          std::pair{"text_encoder.", &text_encoder_}})
      if (!*numbers && (json.contains(std::string(prefix) + "r") || json.contains(std::string(prefix) + "lora_alpha")))
        *numbers = read(json, prefix, where);
    return;
  }
  const auto rank = number_in(metadata, "lora_rank"), alpha = number_in(metadata, "lora_alpha");
  if (!rank || !alpha || *rank < 1) return;
  if (!peft_names) {
    if (*alpha != *rank)
      notes_.push_back(
          fmt::format("the metadata say lora_alpha {} and lora_rank {}: ComfyUI does not use them for keys like these, "
                      "and neither is done here",
                      *alpha, *rank));
    return;
  }
  Numbers numbers{.origin = file + ": metadata lora_rank and lora_alpha"};
  numbers.rank = static_cast<int64_t>(*rank);
  numbers.alpha = *alpha;
  transformer_ = text_encoder_ = numbers;
}

ScaleRules::ScaleRules(const std::optional<std::string>& config, const std::string& config_name,
                       const std::map<std::string, std::string>& metadata, const std::string& file, bool peft_names) {
  if (config)
    read_config(*config, config_name);
  else
    read_metadata(metadata, file, peft_names);
}

std::optional<double> ScaleRules::scale(AdapterPart part, const ModuleName& module, int64_t rank) const {
  const std::optional<Numbers>& numbers = part == AdapterPart::Transformer ? transformer_ : text_encoder_;
  if (!numbers) return std::nullopt;
  const int64_t said = numbers->rank_of(module).value_or(rank);
  if (said != rank)
    fail(ErrorKind::BadFile, "{}: expected factors of rank {} for {}, got rank {}", numbers->origin, said,
         in_quotes(module.bare), rank);
  return numbers->alpha_of(module) /
         (numbers->by_root ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank));
}

std::optional<double> ScaleRules::product_scale(const ModuleName& module) const {
  if (!products_) return std::nullopt;
  return products_->alpha_of(module) / static_cast<double>(*products_->rank_of(module));
}

}  // namespace newbie
