#include "generate/explain_precision.h"

#include <algorithm>

#include "compile/decompose.h"
#include "compile/rescale.h"
#include "generate/part_graphs.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

struct PartRow {
  const char* name;
  FileKind kind;
  std::filesystem::path ModelPaths::*path;
};
constexpr PartRow kPartRows[] = {{"transformer", FileKind::Transformer, &ModelPaths::transformer},
                                 {"text_encoder", FileKind::TextEncoder, &ModelPaths::text_encoder},
                                 {"clip_model", FileKind::ClipModel, &ModelPaths::clip_model},
                                 {"vae", FileKind::Vae, &ModelPaths::vae}};

std::string words(const PrecisionRule* rule) {
  if (rule == nullptr) return "no rule: f32";
  std::string what;
  const auto add = [&](std::string_view key, std::string_view value) {
    what += fmt::format("{}{} {}", what.empty() ? "" : ", ", key, value);
  };
  if (rule->numeric_class) add("class", to_string(*rule->numeric_class));
  if (!rule->op.empty()) add("op", rule->op);
  if (!rule->path_glob.empty()) add("path", rule->path_glob);
  return fmt::format("{} ({})", rule->origin, what.empty() ? "every op" : what);
}

}  // namespace

std::vector<ExplainedOp> explain_precision(const ModelPaths& paths, const PrecisionPolicy& policy,
                                           const std::string& glob) {
  const ModelPaths located = locate_model(paths).paths;
  const std::string wanted = with_part(glob);
  std::vector<ExplainedOp> out;
  for (const PartRow& part : kPartRows) {
    if (wanted.find('*') == std::string::npos && !wanted.starts_with(part.name)) continue;
    const OpenedPart opened = open_part(located.*part.path, part.kind, located.strictness);
    for (const NamedGraph& named : opened.graphs) {
      const Graph scaled = rescale(named.graph, policy.rescales, part.name);
      const Graph whole = decompose(scaled, [&](const Node&) { return policy.decompose; });
      const Graph graph = decide_precision(whole, policy, part.name);
      const auto known_by = policy_paths(graph, part.name);
      for (int id = 0; id < graph.size(); ++id) {
        const Node& n = graph.node(id);
        const auto& names = known_by[static_cast<size_t>(id)];
        if (is_source(n) || n.op->numeric_class == NumericClass::Movement) continue;
        if (std::ranges::none_of(names, [&](const std::string& name) { return holds_for(wanted, name); })) continue;
        const PrecisionDecision d = policy.decide(*n.op, names);
        out.push_back({fmt::format("{} {}", part.name, named.name), names, std::string(n.op->name), n.op->numeric_class,
                       n.precision,
                       d.storage_follows ? "as its inputs: " + words(d.storage_rule) : words(d.storage_rule),
                       words(d.compute_rule), words(d.accumulate_rule),
                       scale_law(n) == ScaleLaw::Chosen && !n.paths.empty() ? asked_log2(policy.rescales, names) : 0});
      }
    }
  }
  if (out.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "`inspect_graph` prints all paths; a part stands before them",
                   "no op of this model is named '{}'", wanted);
  return out;
}

}  // namespace newbie
