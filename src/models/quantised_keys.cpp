#include "models/quantised_keys.h"

#include <algorithm>

#include "core/error.h"
#include "core/json.h"
#include "core/printable.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kScales[] = {"scale_weight", "weight_scale"};
constexpr std::string_view kMarkOfScaledFp8 = "scaled_fp8";  // of the whole file
constexpr std::string_view kIgnored[] = {kMarkOfScaledFp8, "scale_input", "input_scale"};
constexpr std::string_view kSecondScale = "weight_scale_2", kInputScale = "pre_quant_scale", kMarker = "comfy_quant";
constexpr std::string_view kState = "quant_state.bitsandbytes__";  // and nf4 or fp4

// Endings of keys that only formats have which are not read. A dot stands before.
struct Refused {
  std::string_view ending, what;
};
constexpr Refused kRefused[] = {
    {".wscales", "SVDQuant (Nunchaku)"},
    {".smooth_factor", "SVDQuant (Nunchaku)"},
    {".qzeros", "GPTQ or AWQ"},
    {".g_idx", "GPTQ"},
    {".qweight", "GPTQ, AWQ or SVDQuant"},
    {".weight_packed", "compressed-tensors"},
    {".SCB", "bitsandbytes int8"},
    {".weight_codebook", "a codebook of ComfyUI's int4 kinds"},
    {".weight_scale_inv", "fp8 in blocks (DeepSeek)"},
    {"._weight_qdata", "torchao"},
    {".weight._data", "quanto"},
    {".W_q", "HQQ"},
};

[[noreturn]] void refuse(const KeyFacts& facts, std::string_view key, std::string_view what) {
  fail_with_hint(ErrorKind::Unsupported, "fp8, int8_tensorwise, nvfp4, mxfp8, NF4 and GGUF are read",
                 "{}: {}: weights in {} are not read", facts.where, in_quotes(key), what);
}

bool contains(const KeyFacts& facts, std::string_view key) {
  return std::binary_search(facts.keys.begin(), facts.keys.end(), key, std::less<>());
}

// A key as its module and last word: "layers.0.attention.out" and "weight_scale".
struct Split {
  std::string_view module, last;
};
Split split_last(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? Split{"", key} : Split{key.substr(0, dot), key.substr(dot + 1)};
}

// The marker of one layer: {"format": "nvfp4", …}, fields flat or inside "params".
class Marker {
 public:
  Marker(Json json, std::string key, const KeyFacts& facts)
      : json_(std::move(json)), key_(std::move(key)), facts_(facts) {
    if (!json_.is_object())
      fail(ErrorKind::BadFile, "{}: {}: expected an object, got {}", facts_.where, in_quotes(key_), json_.type_name());
  }

  void apply(QuantisedWeight& weight) const {
    const Json* format = field("format");
    if (format == nullptr || !format->is_string()) refuse(facts_, key_, "a format that its marker does not name");
    const std::string& name = format->get_ref<const std::string&>();
    if (!weight.format.empty() && weight.format != name)
      fail(ErrorKind::BadFile, "{}: {}: two markers of one weight, of {} and {}", facts_.where, in_quotes(key_),
           in_quotes(weight.format), in_quotes(name));
    weight.format = name;
    if (name != "int8_tensorwise" && rotation() != 0) refuse(facts_, key_, "ConvRot of other formats than int8");
    if (name == "float8_e4m3fn") {
      weight.bytes_as = DType::F8E4M3;
    } else if (name == "float8_e5m2") {
      weight.bytes_as = DType::F8E5M2;
    } else if (name == "int8_tensorwise") {
      weight.bytes_as = DType::I8;
      weight.rotation = rotation();
    } else if (name == "nvfp4") {
      weight.scheme = WeightScheme::Nvfp4;
    } else if (name == "mxfp8") {
      weight.scheme = WeightScheme::Mxfp8;
    } else {
      refuse(facts_, key_, "'" + name.substr(0, 64) + "'");
    }
  }

 private:
  const Json* field(const char* name) const {
    if (const auto found = json_.find(name); found != json_.end()) return &*found;
    const auto inner = json_.find("params");
    if (inner == json_.end() || !inner->is_object()) return nullptr;
    const auto found = inner->find(name);
    return found == inner->end() ? nullptr : &*found;
  }

  int rotation() const {
    const Json* rotated = field("convrot");
    if (rotated == nullptr || *rotated == false) return 0;
    const Json* size = field("convrot_groupsize");
    const int group = size == nullptr ? 256 : whole_number<int>(*size, key_);
    const bool is_power_of_4 = group >= 4 && (group & (group - 1)) == 0 && (group & 0x55555555) != 0;
    if (*rotated != true || !is_power_of_4 || group > 65536)
      fail(ErrorKind::Unsupported, "{}: {}: expected ConvRot of a power of 4 inputs, got {} of {}", facts_.where,
           in_quotes(key_), in_quotes(rotated->dump()), group);
    return group;
  }

  Json json_;
  std::string key_;
  const KeyFacts& facts_;
};

class Splitter {
 public:
  explicit Splitter(const KeyFacts& facts) : facts_(facts) {}

  QuantisedKeys split() {
    for (const std::string& key : facts_.keys) place(key);
    apply_metadata();
    // In a file that is marked so every matrix has a scale; tables of tokens may go without.
    if (scaled_fp8_)
      for (const std::string& key : facts_.keys)
        if (key.ends_with(".weight") && key.find("embed") == std::string::npos && is_f8(facts_.dtype(key)))
          out_.weights[key];
    for (auto& [key, weight] : out_.weights) check(key, weight);
    return std::move(out_);
  }

 private:
  void place(const std::string& key) {
    for (const Refused& row : kRefused)
      if (key.ends_with(row.ending)) refuse(facts_, key, row.what);
    if (is_bitsandbytes(key)) return;
    const auto [module, last] = split_last(key);
    const std::string weight = std::string(module) + ".weight";
    if (is_one_of(last, kIgnored)) {
      out_.ignored.push_back(key);
      scaled_fp8_ = scaled_fp8_ || last == kMarkOfScaledFp8;
    } else if (module.empty() || !contains(facts_, weight)) {
      out_.keys.push_back(key);
    } else if (is_one_of(last, kScales)) {
      take(key, weight, out_.weights[weight].scale);
    } else if (last == kSecondScale) {
      take(key, weight, out_.weights[weight].second_scale);
    } else if (last == kInputScale) {
      take(key, weight, out_.weights[weight].input_scale);
    } else if (last == kMarker) {
      out_.ignored.push_back(key);
      Marker(parse_json(facts_.text(key), std::string(facts_.where) + ": '" + key + "'"), key, facts_)
          .apply(out_.weights[weight]);
    } else if (last.find("scale") != std::string_view::npos && is_narrow(facts_.dtype(weight))) {
      refuse(facts_, key, "a format with scales of that name");
    } else {
      out_.keys.push_back(key);
    }
  }

  static bool is_f8(std::string_view dtype) { return dtype == kE4m3 || dtype == kE5m2; }
  static bool is_narrow(std::string_view dtype) { return is_f8(dtype) || dtype == "I8" || dtype == "U8"; }

  // What lies behind a weight's own key ("X.weight.absmax"): takes it.
  bool is_bitsandbytes(const std::string& key) {
    const size_t at = key.find(".weight.");
    if (at == std::string::npos) return false;
    const std::string weight = key.substr(0, at) + ".weight";
    const std::string_view last = std::string_view(key).substr(weight.size() + 1);
    if (!contains(facts_, weight)) return false;
    std::string QuantisedWeight::*slot = last == "absmax"             ? &QuantisedWeight::scale
                                         : last == "quant_map"        ? &QuantisedWeight::table
                                         : last == "nested_absmax"    ? &QuantisedWeight::nested_scale
                                         : last == "nested_quant_map" ? &QuantisedWeight::nested_table
                                         : last.starts_with(kState)   ? &QuantisedWeight::state
                                                                      : nullptr;
    if (slot == nullptr) return false;
    QuantisedWeight& of = out_.weights[weight];
    of.scheme = WeightScheme::Codebook;
    take(key, weight, of.*slot);
    if (slot == &QuantisedWeight::state) of.state = facts_.text(key);
    return true;
  }

  void take(const std::string& key, const std::string& weight, std::string& slot) {
    if (!slot.empty())
      fail(ErrorKind::BadFile, "{}: expected one scale of {}, got {} and {}", facts_.where, in_quotes(weight),
           in_quotes(slot), in_quotes(key));
    slot = key;
  }

  // {"format_version": "1.0", "layers": {"layers.0.attention.out": {"format": …}}}; names may lack the file's prefix.
  // A layer that the file does not have concerns none of its weights.
  void apply_metadata() {
    if (facts_.quantization.empty()) return;
    const std::string where = std::string(facts_.where) + ": _quantization_metadata";
    const Json json = parse_json(facts_.quantization, where);
    const auto layers = json.is_object() ? json.find("layers") : json.end();
    if (layers == json.end() || !layers->is_object())
      fail(ErrorKind::BadFile, "{}: expected an object 'layers', got {}", where,
           layers == json.end() ? "none" : layers->type_name());
    for (const auto& layer : layers->items())
      for (const std::string& key : facts_.keys)
        if (is_weight_of(key, layer.key())) Marker(layer.value(), layer.key(), facts_).apply(out_.weights[key]);
  }
  static bool is_weight_of(std::string_view key, std::string_view layer) {
    if (!key.ends_with(".weight")) return false;
    key.remove_suffix(std::string_view(".weight").size());
    return key.ends_with(layer) && (key.size() == layer.size() || key[key.size() - layer.size() - 1] == '.');
  }

  void check(const std::string& key, const QuantisedWeight& weight) const {
    const auto need = [&](const std::string& slot, const char* what) {
      if (slot.empty())
        fail(ErrorKind::BadFile, "{}: {}: expected {} beside it, got none", facts_.where, in_quotes(key), what);
    };
    const std::string_view dtype = facts_.dtype(key);
    if (weight.scheme == WeightScheme::Codebook) {
      need(weight.scale, "absmax");
      need(weight.table, "quant_map");
      need(weight.state, "a quant_state");
      if (!weight.nested_scale.empty() || !weight.nested_table.empty()) {
        need(weight.nested_scale, "nested_absmax");
        need(weight.nested_table, "nested_quant_map");
      }
      return;
    }
    // One that is missing would be taken for 1.
    if (weight.scheme != WeightScheme::Scaled || weight.bytes_as || is_f8(dtype)) need(weight.scale, "weight_scale");
    if (weight.scheme == WeightScheme::Nvfp4) need(weight.second_scale, "weight_scale_2");
    if (weight.scheme == WeightScheme::Scaled && !weight.second_scale.empty())
      refuse(facts_, weight.second_scale, "two scales that no marker names");
    if (weight.bytes_as && dtype != "U8" && dtype != word_of(*weight.bytes_as))
      fail(ErrorKind::BadFile, "{}: {}: its marker says {}, its values are {}", facts_.where, in_quotes(key),
           in_quotes(weight.format), dtype);
    if (dtype == "I8" && weight.bytes_as != DType::I8) refuse(facts_, key, "int8 whose format no marker names");
    if (dtype == "U8" && weight.scheme == WeightScheme::Scaled && !weight.bytes_as)
      refuse(facts_, key, "bytes whose format no marker names");
  }

  static std::string_view word_of(DType dtype) {
    return dtype == DType::F8E4M3 ? kE4m3 : dtype == DType::F8E5M2 ? kE5m2 : "I8";
  }

  static constexpr std::string_view kE4m3 = "F8_E4M3", kE5m2 = "F8_E5M2";

  const KeyFacts& facts_;
  QuantisedKeys out_;
  bool scaled_fp8_ = false;  // the file is marked so
};

}  // namespace

QuantisedKeys split_quantised(const KeyFacts& facts) { return Splitter(facts).split(); }

}  // namespace newbie
