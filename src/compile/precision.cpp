#include "compile/precision.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace newbie {

namespace {

auto specificity(const PrecisionRule& rule) {
  const auto literal = std::ranges::count_if(rule.path_glob, [](char c) { return c != '*'; });
  return std::tuple(rule.rank, literal, !rule.op.empty() ? 2 : rule.numeric_class ? 1 : 0);
}

PrecisionDecision decide(const std::vector<PrecisionRule>& rules, NumericClass numeric_class, std::string_view op,
                         std::span<const std::string> paths) {
  PrecisionDecision out;
  for (const PrecisionRule& rule : rules) {
    if (rule.numeric_class && *rule.numeric_class != numeric_class) continue;
    if (!rule.op.empty() && rule.op != op) continue;
    if (std::ranges::none_of(paths, [&](const std::string& p) { return holds_for(rule.path_glob, p); })) continue;
    const auto wins = [&](const PrecisionRule* so_far) {
      return so_far == nullptr || specificity(rule) >= specificity(*so_far);
    };
    if ((rule.change.storage || rule.storage_follows) && wins(out.storage_rule)) {
      out.storage_rule = &rule;
      out.storage_follows = rule.storage_follows;
      out.precision.storage = rule.change.storage.value_or(DType::F32);
    }
    if (rule.change.compute && wins(out.compute_rule)) {
      out.compute_rule = &rule;
      out.precision.compute = *rule.change.compute;
    }
    if (rule.change.accumulate && wins(out.accumulate_rule)) {
      out.accumulate_rule = &rule;
      out.precision.accumulate = *rule.change.accumulate;
    }
  }
  return out;
}

PrecisionPreset preset_of(DType dtype) {
  switch (dtype) {
    case DType::F32: return PrecisionPreset::F32;
    case DType::BF16: return PrecisionPreset::BF16;
    case DType::F16: return PrecisionPreset::F16;
    case DType::I8: return PrecisionPreset::Int8;
    default: fail(ErrorKind::InvalidRequest, "dtype: expected f32, bf16, f16 or int8, got {}", to_string(dtype));
  }
}

// What the device is best at: the study's rule, with a CPU's own bf16 beside it.
DType best_dtype(const DeviceCaps& device) {
  return device.native_bf16 ? DType::BF16 : device.native_f16 ? DType::F16 : DType::F32;
}

bool is_native(DType dtype, const DeviceCaps& device) {
  return dtype == DType::F32 || (dtype == DType::BF16 && device.native_bf16) ||
         (dtype == DType::F16 && device.native_f16) || (dtype == DType::I8 && device.native_int8);
}

// The dtype a preset is run in, given the one asked for.
DType dtype_for(PrecisionPreset preset, std::optional<DType> asked, const DeviceCaps& device) {
  const auto only = [&](DType dtype) {
    if (asked && *asked != dtype)
      fail_with_hint(ErrorKind::InvalidRequest,
                     "leave `dtype` out; fast, autocast-cuda and autocast-cpu can be had in bf16 and f16",
                     "precision {} computes in {}, and dtype {} was asked for", to_string(preset), to_string(dtype),
                     to_string(*asked));
    return dtype;
  };
  switch (preset) {
    case PrecisionPreset::F32: return only(DType::F32);
    case PrecisionPreset::BF16: return only(DType::BF16);
    case PrecisionPreset::Int8: return only(DType::I8);
    case PrecisionPreset::F16:
    case PrecisionPreset::F16Naive:
    case PrecisionPreset::F16Safe: return only(DType::F16);
    case PrecisionPreset::Fast: return asked.value_or(best_dtype(device));
    case PrecisionPreset::AutocastCuda: return asked.value_or(DType::F16);
    case PrecisionPreset::AutocastCpu: return asked.value_or(DType::BF16);
    case PrecisionPreset::Auto: break;
  }
  fail(ErrorKind::Internal, "precision auto is not decided yet");
}

std::string_view meaning(PrecisionPreset preset) {
  for (const PrecisionPresetRow& row : precision_presets())
    if (row.preset == preset) return row.meaning;
  return "";
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool holds_for(std::string_view glob, std::string_view path) {
  if (glob.empty()) return true;
  while (true) {
    if (glob_matches(glob, path)) return true;
    const size_t dot = path.rfind('.');
    if (dot == std::string_view::npos) return false;
    path = path.substr(0, dot);
  }
}

std::string with_part(const std::string& glob) {
  const std::string first = glob.substr(0, glob.find('.'));
  for (const char* part : {"transformer", "text_encoder", "clip_model", "vae"})
    if (first == part) return glob;
  return glob.empty() || first.find('*') != std::string::npos ? glob : "transformer." + glob;
}

PrecisionDecision PrecisionPolicy::decide(const OpDef& op, std::span<const std::string> paths) const {
  return newbie::decide(rules, op.numeric_class, op.name, paths);
}

OpPrecision PrecisionPolicy::find(NumericClass numeric_class, const std::string& path) const {
  return newbie::decide(rules, numeric_class, {}, std::span(&path, 1)).precision;
}

std::string PrecisionPolicy::hash() const {
  std::string text = fmt::format("{}|{}|{}\n", name, to_string(dtype), decompose);
  const auto word = [](std::optional<DType> d) { return d ? to_string(*d) : std::string_view("-"); };
  for (const PrecisionRule& r : rules)
    text += fmt::format("{}|{}|{}|{}|{}|{}|{}|{}\n", r.numeric_class ? to_string(*r.numeric_class) : "-", r.op,
                        r.path_glob, word(r.change.storage), word(r.change.compute), word(r.change.accumulate),
                        r.storage_follows, static_cast<int>(r.rank));
  for (const Rescale& r : rescales) text += fmt::format("{}|2^{}\n", r.path_glob, r.log2);
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::optional<PrecisionPreset> find_precision_preset(std::string_view name) {
  const auto dtype = find_dtype(name);  // by any of its names
  const std::string_view plain = dtype ? to_string(*dtype) : name;
  for (const PrecisionPresetRow& row : precision_presets())
    if (plain == row.name || (row.other_name != nullptr && plain == row.other_name)) return row.preset;
  return std::nullopt;
}

std::string_view to_string(PrecisionPreset preset) {
  for (const PrecisionPresetRow& row : precision_presets())
    if (row.preset == preset) return row.name;
  return "?";
}

Resolution resolve_precision(const PrecisionRequest& request, const DeviceCaps& device) {
  Resolution out;
  const bool is_auto = request.preset == PrecisionPreset::Auto && !request.dtype;
  out.preset =
      request.preset != PrecisionPreset::Auto ? request.preset : preset_of(request.dtype.value_or(best_dtype(device)));
  const DType dtype = dtype_for(out.preset, request.dtype, device);
  out.policy = preset_policy(out.preset, dtype);
  out.emulated = !is_native(dtype, device);
  const std::string_view word = to_string(dtype);

  if (is_auto && dtype == DType::F32) {
    out.reasons.push_back(fmt::format("f32: {} has no 16-bit arithmetic", device.name));
  } else if (is_auto) {
    out.reasons.push_back(
        fmt::format("{} storage and compute, f32 accumulate: {} computes {} natively", word, device.name, word));
  } else {
    out.reasons.push_back(fmt::format("{} was asked for", to_string(out.preset)));
    if (out.emulated && dtype != DType::F16)
      out.reasons.back() += fmt::format("; {} has no {} arithmetic of its own, so it is slow here", device.name, word);
  }
  if (out.emulated && dtype == DType::F16)
    out.reasons.push_back(
        fmt::format("float16 is emulated: {} computes in f32 and every result is rounded to IEEE f16, so values are "
                    "those of f16 hardware and times are not",
                    device.name));
  out.reasons.emplace_back(meaning(out.preset));
  for (PrecisionRule rule : request.rules) {
    rule.rank = RuleRank::User;
    out.policy.rules.push_back(std::move(rule));
  }
  if (!request.rules.empty())
    out.reasons.push_back(fmt::format("{} rules of a policy file stand above these", request.rules.size()));
  out.policy.rescales = request.rescales;
  if (!request.rescales.empty())
    out.reasons.push_back(
        fmt::format("{} rescalings of a policy file keep values in range by powers of two", request.rescales.size()));
  return out;
}

}  // namespace newbie
