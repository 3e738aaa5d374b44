// Precision policies, the one function that chooses a policy, and the one pass that makes casts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace newbie {

// What the machine computes natively.
struct DeviceCaps {
  std::string name;          // "x86-64 AVX-512 BF16", "AArch64 NEON", …
  bool native_bf16 = false;  // bf16 matmuls faster than f32 ones
  bool native_f16 = false;
};
DeviceCaps this_cpu();

// One rule: nodes of `numeric_class` (all when empty) whose path matches `path_glob` (all when empty; `*` stands for
// any run of characters). Paths carry the part: "vae.decoder.mid_block", "transformer.layers.7.attention.out".
struct PrecisionRule {
  std::optional<NumericClass> numeric_class;
  std::string path_glob;
  OpPrecision precision;
};

// Rules in order, later ones win. Without a match: F32.
struct PrecisionPolicy {
  std::string name;
  std::vector<PrecisionRule> rules;

  OpPrecision find(NumericClass numeric_class, const std::string& path) const;
};

enum class PrecisionRequest { Auto, F32, BF16 };
std::optional<PrecisionRequest> find_precision_request(std::string_view name);  // "auto", "f32", "bf16"

struct Resolution {
  PrecisionPolicy policy;
  std::vector<std::string> reasons;
};
// The only function that decides.
Resolution resolve_precision(PrecisionRequest request, const DeviceCaps& device);

// Gives every node its dtypes and inserts the casts they need. `part` is the prefix of the graph's paths in the policy.
// Weights: operands of matmuls, convolutions and tables take the compute dtype (a table stays as stored when
// `stored_dtype(name)` says it is no wider), all others F32. Graph outputs are F32.
Graph assign_precision(const Graph& graph, const PrecisionPolicy& policy, const std::string& part,
                       const std::function<std::optional<DType>(const std::string& name)>& stored_dtype);

}  // namespace newbie
