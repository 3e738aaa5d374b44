// Which matrices of a network are trained.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "compile/precision.h"
#include "core/edit_distance.h"
#include "core/error.h"
#include "graph/ops/linear.h"
#include "graph/ops/sources.h"
#include "train/adapters.h"

namespace newbie {

namespace {

constexpr std::pair<TrainingKind, std::string_view> kKinds[] = {{TrainingKind::Lora, "lora"},
                                                                {TrainingKind::Dora, "dora"},
                                                                {TrainingKind::Lokr, "lokr"},
                                                                {TrainingKind::Full, "full"}};

constexpr std::string_view kDefaultTargets[] = {"attention.qkv", "attention.out", "feed_forward.w2",
                                                "time_text_embed.1", "clip_text_pooled_proj.1"};

std::optional<int64_t> whole(std::string_view text) {
  int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= 0 ? std::optional(out) : std::nullopt;
}

// One part of a pattern against one of a path.
bool part_matches(std::string_view pattern, std::string_view part) {
  if (const size_t dash = pattern.find('-'); dash != std::string_view::npos) {
    const auto first = whole(pattern.substr(0, dash)), last = whole(pattern.substr(dash + 1)), at = whole(part);
    if (first && last) return at && *first <= *at && *at <= *last;
  }
  return glob_matches(pattern, part);
}

// The last part of a dotted path, which loses it.
std::string_view take_last(std::string_view& path) {
  const size_t dot = path.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? path : path.substr(dot + 1);
  path = dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
  return last;
}

template <typename T>
T of_pattern(const std::map<std::string, T>& patterns, const std::string& module, T otherwise) {
  size_t longest = 0;
  for (const auto& [pattern, value] : patterns)
    if (names_module(pattern, module) && pattern.size() > longest) {
      longest = pattern.size();
      otherwise = value;
    }
  return otherwise;
}

void check_rank(const std::string& where, int64_t rank, double alpha) {
  constexpr int64_t kMostRank = 1 << 20;
  if (rank < 1 || rank > kMostRank)
    fail(ErrorKind::InvalidRequest, "{}: rank {} must be from 1 to {}", where, rank, kMostRank);
  if (!std::isfinite(alpha) || alpha <= 0)
    fail(ErrorKind::InvalidRequest, "{}: alpha {} must be a number above 0", where, alpha);
}

AdaptedModule adapted(const std::string& name, const Shape& weight, const AdapterOptions& options) {
  AdaptedModule m{.name = name, .kind = options.kind, .rows = weight[0], .columns = weight[1]};
  m.rank = of_pattern(options.rank_pattern, name, options.rank);
  const double alpha = of_pattern(options.alpha_pattern, name, options.alpha);
  check_rank(name, m.rank, alpha);
  const auto rank = static_cast<double>(m.rank);
  m.scale = alpha / (options.rslora ? std::sqrt(rank) : rank);
  if (m.kind != TrainingKind::Lokr) {
    m.dropout = options.dropout;
    return m;
  }
  m.outer_rows = lokr_factors(m.rows, options.lokr_factor).first;
  m.outer_columns = lokr_factors(m.columns, options.lokr_factor).first;
  if (2 * m.rank >= std::max(m.inner_rows(), m.inner_columns())) {  // then both factors are whole
    m.rank = 0;
    m.scale = 1;
  }
  return m;
}

}  // namespace

std::string_view to_string(TrainingKind kind) {
  for (const auto& [k, name] : kKinds)
    if (k == kind) return name;
  return "?";
}

std::optional<TrainingKind> find_training_kind(std::string_view name) {
  for (const auto& [kind, known] : kKinds)
    if (known == name) return kind;
  return std::nullopt;
}

std::span<const std::string_view> default_targets() { return kDefaultTargets; }

bool names_module(std::string_view pattern, std::string_view module) {
  while (!pattern.empty()) {
    if (module.empty()) return false;
    const std::string_view wanted = take_last(pattern), there = take_last(module);
    if (!part_matches(wanted, there)) return false;
  }
  return true;
}

std::pair<int64_t, int64_t> lokr_factors(int64_t n, int64_t factor) {
  if (factor > 0 && n % factor == 0) return {std::min(factor, n / factor), std::max(factor, n / factor)};
  std::pair<int64_t, int64_t> best{1, n};
  for (int64_t m = 2; m <= n; ++m) {
    if (n % m != 0) continue;
    if (m + n / m > best.first + best.second || (factor >= 0 && m > factor)) break;
    best = {std::min(m, n / m), std::max(m, n / m)};
  }
  return best;
}

AdapterPlan plan_adapters(const Graph& graph, const AdapterOptions& options) {
  if (options.kind == TrainingKind::Full) return {};
  check_rank("the adapter", options.rank, options.alpha);
  std::vector<std::string> targets = options.targets;
  if (targets.empty()) targets.assign(std::begin(kDefaultTargets), std::end(kDefaultTargets));

  AdapterPlan plan;
  std::vector<std::string> there;  // modules that could be named
  for (const std::string& target : targets) plan.by_pattern.emplace_back(target, 0);
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    if (n.op != &linear_op || graph.node(n.inputs[1]).op != &weight_op) continue;
    const Node& weight = graph.node(n.inputs[1]);
    const std::string& full = weight.paths.front();
    if (!full.ends_with(".weight")) continue;
    const std::string module = full.substr(0, full.size() - std::string_view(".weight").size());
    there.push_back(module);
    bool wanted = false;
    for (auto& [pattern, count] : plan.by_pattern)
      if (names_module(pattern, module)) {
        ++count;
        wanted = true;
      }
    if (wanted) plan.modules.push_back(adapted(module, weight.shape, options));
  }
  const auto must_match = [&](const std::string& pattern, std::string_view what) {
    for (const std::string& module : there)
      if (names_module(pattern, module)) return;
    const auto nearest = std::min_element(there.begin(), there.end(), [&](const auto& a, const auto& b) {
      return edit_distance(pattern, a) < edit_distance(pattern, b);
    });
    throw Error(ErrorKind::InvalidRequest, fmt::format("{} \"{}\" names no matrix of the network", what, pattern),
                nearest == there.end() ? "" : fmt::format("The nearest is {}.", *nearest));
  };
  for (const std::string& target : targets) must_match(target, "target");
  for (const auto& [pattern, rank] : options.rank_pattern) must_match(pattern, "rank_pattern");
  for (const auto& [pattern, alpha] : options.alpha_pattern) must_match(pattern, "alpha_pattern");
  return plan;
}

}  // namespace newbie
