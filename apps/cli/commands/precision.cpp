// newbie precision: which numbers a run computes in, and why.
#include <algorithm>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/machine.h"
#include "flags.h"
#include "generate/explain_precision.h"
#include "generate/find_model.h"
#include "rate_cache.h"
#include "standard_streams.h"

namespace newbie {

namespace {

struct PrecisionArguments {
  EngineArguments engine;
  ReportArguments report;
  std::optional<std::string> explain;
  bool measure = false;
};

double rate_of(const MachineRates& machine, DType dtype) {
  for (const DTypeRate& rate : machine.rates)
    if (rate.dtype == dtype) return rate.gflops;
  return 0;
}

std::string_view kind_of(DType dtype, const DeviceCaps& device) {
  const bool native = dtype == DType::F32 || (dtype == DType::BF16 && device.native_bf16) ||
                      (dtype == DType::F16 && device.native_f16) || (dtype == DType::I8 && device.native_int8);
  return native ? "native" : "emulated";
}

// "bf16 storage and compute, f32 accumulate: native bf16, 1.9 x f32, half the memory"
std::string rate_words(DType dtype, const DeviceCaps& device, const MachineRates& machine) {
  if (dtype == DType::F32)
    return fmt::format("f32 storage, compute and accumulate: {:.0f} GFLOP/s", rate_of(machine, DType::F32));
  const double faster = rate_of(machine, dtype) / rate_of(machine, DType::F32);
  if (dtype == DType::I8)
    return fmt::format("bf16 storage, int8 compute, whole sums: {} int8, {:.2g} x f32, a quarter of the weights",
                       kind_of(dtype, device), faster);
  return fmt::format("{0} storage and compute, f32 accumulate: {1} {0}, {2:.2g} x f32, half the memory",
                     to_string(dtype), kind_of(dtype, device), faster);
}

OrderedJson precision_json(const OpPrecision& p) {
  return {
      {"storage", to_string(p.storage)}, {"compute", to_string(p.compute)}, {"accumulate", to_string(p.accumulate)}};
}

OrderedJson rule_json(const PrecisionRule& rule) {
  OrderedJson out{{"origin", rule.origin}};
  if (!rule.path_glob.empty()) out["path"] = rule.path_glob;
  if (rule.numeric_class) out["class"] = to_string(*rule.numeric_class);
  if (!rule.op.empty()) out["op"] = rule.op;
  if (rule.storage_follows) out["storage"] = "input";
  if (rule.change.storage) out["storage"] = to_string(*rule.change.storage);
  if (rule.change.compute) out["compute"] = to_string(*rule.change.compute);
  if (rule.change.accumulate) out["accumulate"] = to_string(*rule.change.accumulate);
  return out;
}

std::string rule_line(const PrecisionRule& rule) {
  const auto word = [](std::optional<DType> d) { return d ? std::string(to_string(*d)) : std::string("-"); };
  const std::string kind = !rule.op.empty()     ? rule.op
                           : rule.numeric_class ? std::string(to_string(*rule.numeric_class))
                                                : "*";
  return fmt::format("  {:<18}{:<28}{:<9}{:<9}{:<11}{}\n", kind, rule.path_glob.empty() ? "*" : rule.path_glob,
                     rule.storage_follows ? "input" : word(rule.change.storage), word(rule.change.compute),
                     word(rule.change.accumulate), rule.origin);
}

void explain(const PrecisionArguments& args, const Resolution& resolution) {
  const std::vector<ExplainedOp> ops =
      explain_precision(find_model(args.engine.model), resolution.policy, *args.explain);
  OrderedJson list = OrderedJson::array();
  std::string text;
  for (const ExplainedOp& op : ops) {
    list.push_back(
        {{"graph", op.graph},
         {"paths", op.paths},
         {"op", op.op},
         {"class", to_string(op.numeric_class)},
         {"precision", precision_json(op.precision)},
         {"rules", {{"storage", op.storage_rule}, {"compute", op.compute_rule}, {"accumulate", op.accumulate_rule}}},
         {"log2", op.log2}});
    text += fmt::format("{} ({}, {}) in the {}\n", op.paths.front(), op.op, to_string(op.numeric_class), op.graph);
    const auto line = [&](const char* what, DType dtype, const std::string& rule) {
      text += fmt::format("  {:<11}{:<5} {}\n", what, to_string(dtype), rule);
    };
    line("storage", op.precision.storage, op.storage_rule);
    line("compute", op.precision.compute, op.compute_rule);
    line("accumulate", op.precision.accumulate, op.accumulate_rule);
    if (op.log2 != 0) text += fmt::format("  rescaled   times 2^{}\n", op.log2);
  }
  args.report.json ? print_json({{"policy", resolution.policy.name}, {"ops", list}}) : print(text);
}

void run(PrecisionArguments& args) {
  const DeviceCaps device = this_cpu();
  const Resolution resolution = resolve_precision(args.engine.options.precision, device);
  if (args.explain) return explain(args, resolution);
  const int threads = args.engine.options.threads > 0 ? args.engine.options.threads : usable_cpus();
  const MachineRates machine = machine_rates(*make_cpu_backend(), threads, args.measure);
  const PrecisionPolicy& policy = resolution.policy;

  if (args.report.json) {
    OrderedJson rates = OrderedJson::array(), rules = OrderedJson::array();
    for (const DTypeRate& rate : machine.rates)
      rates.push_back({{"dtype", to_string(rate.dtype)},
                       {"gflops", rate.gflops},
                       {"times_f32", rate.gflops / rate_of(machine, DType::F32)},
                       {"arithmetic", kind_of(rate.dtype, device)}});
    for (const PrecisionRule& rule : policy.rules) rules.push_back(rule_json(rule));
    OrderedJson rescales = OrderedJson::array();
    for (const Rescale& r : policy.rescales)
      rescales.push_back({{"path", r.path_glob}, {"log2", r.log2}, {"origin", r.origin}});
    return print_json({{"device", device.name},
                       {"threads", threads},
                       {"preset", to_string(resolution.preset)},
                       {"dtype", to_string(policy.dtype)},
                       {"emulated", resolution.emulated},
                       {"reasons", resolution.reasons},
                       {"rates", rates},
                       {"rates_from", machine.origin},
                       {"policy", {{"hash", policy.hash()}, {"rules", rules}, {"rescales", rescales}}}});
  }
  std::string text = fmt::format("{} ({}) on {}\n", to_string(resolution.preset), to_string(policy.dtype), device.name);
  for (const std::string& reason : resolution.reasons) text += fmt::format("  {}\n", reason);
  text += fmt::format("\nmatrices on {} threads ({}):\n", threads, machine.origin);
  for (const DTypeRate& rate : machine.rates) text += fmt::format("  {}\n", rate_words(rate.dtype, device, machine));
  text += fmt::format("\npolicy {}, the most specific rule wins; no rule: f32\n", policy.hash());
  if (!policy.rules.empty())
    text +=
        fmt::format("  {:<18}{:<28}{:<9}{:<9}{:<11}{}\n", "ops", "path", "storage", "compute", "accumulate", "from");
  for (const PrecisionRule& rule : policy.rules) text += rule_line(rule);
  for (const Rescale& r : policy.rescales)
    text +=
        fmt::format("  {:<18}{:<28}{:<29}{}\n", "rescaled", r.path_glob, fmt::format("times 2^{}", r.log2), r.origin);
  print(text);
}

}  // namespace

Command add_precision(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("precision", "tell which numbers a run computes in, and why");
  const auto args = std::make_shared<PrecisionArguments>();
  Flags flags(parser, "Precision");
  flags.text("--explain", args->explain, "PATH", "which rule sets what for this value, or for all inside this module");
  flags.flag("--measure", args->measure, "measure this machine again, whatever is cached");
  add_engine_flags(parser, args->engine);
  add_report_flags(parser, args->report);
  std::string presets = "Presets:\n";
  for (const PrecisionPresetRow& row : precision_presets())
    presets += fmt::format("  {:<15}{}\n", row.name, row.meaning);
  parser.footer(presets + R"(
Examples:
  newbie precision --dtype f16
  newbie precision --explain layers.1.feed_forward.w2 --precision f16-safe)");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
