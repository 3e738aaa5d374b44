// What a run trains: adapters beside matrices of the network, or all of its weights. Which matrices, how their
// parameters start, and what the network computes with them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "train/parameters.h"

namespace newbie {

//   LoRA  W x + s · B (A x)                                 A [r, in], B [out, r]; s = alpha / r, or alpha / √r
//   DoRA  m ⊙ (W x + s · B (A x)) / ‖W + s B A‖ by rows     m [out]; the norm is a constant of the step
//   LoKr  W x + s · kron(w1, w2) x                          w2 whole or w2_a · w2_b; ΔW is never formed
//   Full  every weight of the network
// While LoRA and DoRA are trained, A may see x with elements dropped (graph/ops/dropout.h); W sees all of x.
enum class TrainingKind { Lora, Dora, Lokr, Full };
std::string_view to_string(TrainingKind kind);  // "lora", …
std::optional<TrainingKind> find_training_kind(std::string_view name);

// A pattern names modules by the end of their path, part by part: "attention.qkv". In a part `*` stands for any
// characters, and "4-9" for these numbers: "layers.4-9.attention.*".
bool names_module(std::string_view pattern, std::string_view module);

// What the official trainer trains: 122 modules of the full-size network.
std::span<const std::string_view> default_targets();

struct AdapterOptions {
  TrainingKind kind = TrainingKind::Lora;
  std::vector<std::string> targets;  // empty: default_targets()
  int64_t rank = 16;
  double alpha = 16;
  bool rslora = false;                          // alpha / √r
  std::map<std::string, int64_t> rank_pattern;  // by pattern; the longest that names a module counts
  std::map<std::string, double> alpha_pattern;
  int64_t lokr_factor = -1;  // -1: the most square
  double dropout = 0;        // of LoRA and DoRA, in [0, 1)
};

struct AdaptedModule {
  std::string name;  // "layers.0.attention.qkv"
  TrainingKind kind = TrainingKind::Lora;
  int64_t rows = 0, columns = 0;  // of its weight
  int64_t rank = 0;               // 0: a LoKr whose second factor is whole
  double scale = 1;
  double dropout = 0;
  int64_t outer_rows = 0, outer_columns = 0;  // LoKr's w1
  int64_t inner_rows() const { return rows / outer_rows; }
  int64_t inner_columns() const { return columns / outer_columns; }
};

struct AdapterPlan {
  std::vector<AdaptedModule> modules;                      // in the order of the graph
  std::vector<std::pair<std::string, size_t>> by_pattern;  // how many modules each target names
};

// Matrices of `graph` that linear layers read and the options name. Error{InvalidRequest} when a pattern names none
// (with the nearest module), or a rank or alpha makes no sense.
AdapterPlan plan_adapters(const Graph& graph, const AdapterOptions& options);

// LyCORIS' split of n into two factors, the smaller first.
std::pair<int64_t, int64_t> lokr_factors(int64_t n, int64_t factor);

// As PEFT and LyCORIS start them: A, w1 and w2_a uniform in ±1/√columns, B, w2 and w2_b 0; DoRA's m is ‖W‖ by rows.
Parameters initial_parameters(std::span<const AdaptedModule> modules, const WeightSource& base, uint64_t seed);

// Every weight of the network, for a full fine-tune.
Parameters whole_network(const Graph& graph, const WeightSource& base);

// `graph` with the modules' parameters as weights. DoRA's 1 / ‖V‖ are inputs [out] of the names dora_norm_input gives.
Graph attach_trained(const Graph& graph, std::span<const AdaptedModule> modules);
std::string dora_norm_input(std::string_view module);

// The input [8] of a graph whose modules drop elements: dropout_key_values of a number that is another for each sample.
inline constexpr std::string_view kDropoutKey = "dropout_key";

// 1 / ‖W + s B A‖ by rows, with the parameters as they are.
std::vector<float> inverse_row_norms(const AdaptedModule& module, const WeightSource& base, const Parameters& trained);

}  // namespace newbie
