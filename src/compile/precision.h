// Precision policies: which dtype every op stores, computes and sums in, and the one function that chooses.
// Presets are in precision_presets.cpp, the rule that wins in PrecisionPolicy::decide, casts in assign_precision.cpp.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compile/devices.h"
#include "graph/graph.h"

namespace newbie {

// What a rule sets; what is empty is left to other rules.
struct PrecisionChange {
  std::optional<DType> storage, compute, accumulate;

  PrecisionChange(std::optional<DType> s = {}, std::optional<DType> c = {}, std::optional<DType> a = {})
      : storage(s), compute(c), accumulate(a) {}
  PrecisionChange(const OpPrecision& p) : storage(p.storage), compute(p.compute), accumulate(p.accumulate) {}  // NOLINT
  bool operator==(const PrecisionChange&) const = default;
};

enum class RuleRank { Preset, User, Guard };  // a rule stands above all of lower ranks

// Ops of `numeric_class` named `op` whose path matches `path_glob`; what is empty holds for all. In a glob `*` stands
// for any run of characters. A path names a value by the checkpoint's words behind its part,
// "transformer.layers.7.attention.out"; a glob that matches a module ("transformer.layers.7") holds for all inside it.
// A value that has no name goes by the first named value made from it: the gated product of a feed-forward by "….w2";
// or by the output that it is.
struct PrecisionRule {
  std::optional<NumericClass> numeric_class;
  std::string path_glob;
  PrecisionChange change;
  std::string op;                // as printed in graphs: "rms_norm"
  bool storage_follows = false;  // stored as the widest operand that is no weight or table; instead of change.storage
  RuleRank rank = RuleRank::Preset;
  std::string origin;  // where it is written, for --explain

  bool operator==(const PrecisionRule&) const = default;
};

// Whether a rule with this glob holds for a value of this path.
bool holds_for(std::string_view glob, std::string_view path);

// Whether the whole of `text` is what `glob` says.
bool glob_matches(std::string_view glob, std::string_view text);

// A glob as a user writes it: without a part it is of the transformer; one that opens with a `*` is of any part.
std::string with_part(const std::string& glob);

// What the rules say of one op, and which of them said it (null: nobody, so F32).
struct PrecisionDecision {
  OpPrecision precision;
  bool storage_follows = false;
  const PrecisionRule* storage_rule = nullptr;
  const PrecisionRule* compute_rule = nullptr;
  const PrecisionRule* accumulate_rule = nullptr;
};

// Ops with weights (matrices, convolutions, norms, tables) whose path is what `path_glob` says, in whole, give their
// result times 2^log2; what follows takes it back (compile/rescale.h).
struct Rescale {
  std::string path_glob;
  int log2 = 0;
  std::string origin;  // where it is written

  bool operator==(const Rescale&) const = default;
};
inline constexpr int kMaxRescale = 40;  // of |log2|: an eps times 2^(2 log2) is a normal f32 number still

struct PrecisionPolicy {
  std::string name;          // of the preset: "f32", "bf16", "f16-safe"
  DType dtype = DType::F32;  // the narrowest it is made for
  std::vector<PrecisionRule> rules;
  std::vector<Rescale> rescales;
  bool decompose = false;  // fused ops are taken apart, so that each part is rounded

  // Storage, compute and accumulate are decided apart, each by the most specific rule that sets it: the rule of
  // higher rank; then the glob with more characters that are no `*`; then a named op before a class before neither;
  // then the later one. `paths`: all names of the value; one that matches is enough.
  PrecisionDecision decide(const OpDef& op, std::span<const std::string> paths) const;
  OpPrecision find(NumericClass numeric_class, const std::string& path) const;  // of an op that no rule names

  // Tells policies apart: FNV-1a (64 bit, hex) of everything above but the origins.
  std::string hash() const;
};

enum class PrecisionPreset { Auto, F32, BF16, Fast, Int8, F16, F16Naive, F16Safe, AutocastCuda, AutocastCpu };

struct PrecisionPresetRow {
  PrecisionPreset preset;
  const char* name;
  const char* other_name;  // accepted too; may be null
  const char* meaning;
};
std::span<const PrecisionPresetRow> precision_presets();
std::optional<PrecisionPreset> find_precision_preset(std::string_view name);
std::string_view to_string(PrecisionPreset preset);

// The rules of a preset, with its numbers narrowed to `dtype`.
PrecisionPolicy preset_policy(PrecisionPreset preset, DType dtype);  // not Auto

struct PrecisionRequest {
  using enum PrecisionPreset;

  PrecisionPreset preset = Auto;
  std::optional<DType> dtype;        // F32, BF16, F16 or I8; alone it is the preset of that name
  std::vector<PrecisionRule> rules;  // a user's, laid over the preset
  std::vector<Rescale> rescales;     // a user's

  PrecisionRequest(PrecisionPreset p = Auto, std::optional<DType> d = {}) : preset(p), dtype(d) {}  // NOLINT
  bool operator==(const PrecisionRequest&) const = default;
};

struct Resolution {
  PrecisionPolicy policy;
  std::vector<std::string> reasons;
  PrecisionPreset preset = PrecisionPreset::F32;  // never Auto
  bool emulated = false;                          // the device has no arithmetic in policy.dtype: values are rounded
};
// The only function that decides. Error{InvalidRequest} when the dtype is not for the preset.
Resolution resolve_precision(const PrecisionRequest& request, const DeviceCaps& device);

// Gives every op the dtypes that `policy` says; `part` is the prefix of the graph's paths. Made before ops are fused,
// so that each is known by its own name. I8 is for linear layers: what else is told to compute in it does so in BF16.
Graph decide_precision(const Graph& graph, const PrecisionPolicy& policy, const std::string& part);

// The names by which policies know each value of `graph`: see PrecisionRule. Without a part: as the graph has them.
std::vector<std::vector<std::string>> policy_paths(const Graph& graph, const std::string& part);

// Inserts the casts that decided nodes need.
// Weights: operands of matmuls, convolutions and tables take the compute dtype (a table stays as stored when
// `stored_dtype(name)` says it is no wider), all others F32. Graph outputs are F32.
Graph assign_precision(const Graph& graph,
                       const std::function<std::optional<DType>(const std::string& name)>& stored_dtype);

}  // namespace newbie
