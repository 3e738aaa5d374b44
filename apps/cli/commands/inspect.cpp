// newbie inspect: what files are, and whether they are whole.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/machine.h"
#include "core/printable.h"
#include "exit_code.h"
#include "flags.h"
#include "generate/inspect_model.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct InspectArguments {
  std::vector<std::string> paths;
  InspectOptions options;
  ReportArguments report;
};

OrderedJson part_json(const Inspected& part) {
  OrderedJson out{{"path", part.path.string()},    {"what", part.what},
                  {"problem", part.problem},       {"tensors", part.tensors},
                  {"parameters", part.parameters}, {"bytes", part.bytes}};
  if (!part.hint.empty()) out["hint"] = part.hint;
  if (!part.config_origin.empty()) out["configuration"] = part.config_origin;
  OrderedJson dtypes = OrderedJson::object();
  for (const auto& [name, amount] : part.dtypes)
    dtypes[name] = {{"tensors", amount.tensors}, {"parameters", amount.parameters}};
  out["dtypes"] = std::move(dtypes);
  out["missing"] = part.missing;
  out["unexpected"] = part.unexpected;
  out["mis_shaped"] = OrderedJson::array();
  for (const auto& one : part.mis_shaped)
    out["mis_shaped"].push_back({{"name", one.name}, {"expected", one.expected}, {"got", one.got}});
  if (part.adapter) {
    const AdapterKeys& a = *part.adapter;
    out["adapter"] = {{"type", a.type},
                      {"naming", a.naming},
                      {"modules", a.modules},
                      {"ranks", a.ranks},
                      {"full_matrices", a.full_matrices},
                      {"alphas", part.alphas},
                      {"targets", a.targets}};
  }
  if (part.bad_values) {
    out["bad_values"] = OrderedJson::array();
    for (const auto& bad : *part.bad_values)
      out["bad_values"].push_back(
          {{"tensor", bad.tensor}, {"index", bad.index}, {"value", bad.value}, {"count", bad.count}});
  }
  for (const auto& [name, text] : part.graphs) out["graphs"][name] = text;
  return out;
}

std::string list(const char* title, const std::vector<std::string>& names) {
  constexpr size_t kShown = 12;
  if (names.empty()) return "";
  std::string out = fmt::format("  {}: {}\n", title, names.size());
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) out += fmt::format("    {}\n", in_one_line(names[i]));
  if (names.size() > kShown) out += fmt::format("    … and {} more\n", names.size() - kShown);
  return out;
}

template <typename Numbers>
std::string listed(const Numbers& numbers) {
  std::string out;
  for (const auto& number : numbers) out += fmt::format("{}{}", out.empty() ? "" : ", ", number);
  return out;
}

std::string part_text(const Inspected& part) {
  std::string out =
      fmt::format("{}\n  {}\n", in_one_line(part.path.string()), part.what.empty() ? "unreadable" : part.what);
  if (!part.problem.empty()) out += fmt::format("  problem: {}\n", in_message(part.problem));
  if (!part.hint.empty()) out += fmt::format("  hint: {}\n", in_message(part.hint));
  if (part.tensors != 0)
    out += fmt::format("  {} parameters in {} tensors, {}\n", part.parameters, part.tensors, format_bytes(part.bytes));
  for (const auto& [name, amount] : part.dtypes)
    out += fmt::format("    {:<8}{:>14} parameters in {} tensors\n", name, amount.parameters, amount.tensors);
  if (!part.config_origin.empty()) out += fmt::format("  configuration: {}\n", part.config_origin);
  if (part.adapter) {
    const AdapterKeys& a = *part.adapter;
    out += fmt::format("  {}, {} modules, naming: {}\n", a.type, a.modules, a.naming);
    if (!a.ranks.empty()) out += fmt::format("  rank {}\n", listed(a.ranks));
    if (a.full_matrices != 0) out += fmt::format("  {} full matrices\n", a.full_matrices);
    out += fmt::format("  alpha {}\n", part.alphas.empty() ? "not stated (as the rank)" : listed(part.alphas));
    for (const auto& [name, times] : a.targets) out += fmt::format("    {:<40}{:>4}\n", in_one_line(name), times);
  }
  out += list("missing", part.missing);
  out += list("unexpected", part.unexpected);
  std::vector<std::string> shapes;
  for (const auto& one : part.mis_shaped)
    shapes.push_back(fmt::format("{}: expected {}, got {}", one.name, one.expected, one.got));
  out += list("mis-shaped", shapes);
  if (part.bad_values) {
    std::vector<std::string> bad;
    for (const auto& one : *part.bad_values)
      bad.push_back(fmt::format("{}: {} at index {}, {} in all", one.tensor, one.value, one.index, one.count));
    out += bad.empty() ? "  every value is finite\n" : list("tensors with values that are not finite", bad);
  }
  for (const auto& [name, text] : part.graphs) out += fmt::format("\ngraph {}:\n{}", name, text);
  return out;
}

void run(InspectArguments& args) {
  Terminal terminal(args.report.verbosity);
  args.options.threads = usable_cpus();
  args.options.on_progress = [&, told = size_t{0}](size_t done, size_t all) mutable {
    const size_t tenths = all == 0 ? 10 : done * 10 / all;
    if (tenths == told) return;
    told = tenths;
    terminal.stage(fmt::format("checking weights, {} %", tenths * 10));
  };
  OrderedJson reports = OrderedJson::array();
  std::string text;
  std::string broken;
  for (const std::string& path : args.paths) {
    const Inspection found = inspect(path, args.options);
    if (!found.is_whole()) broken = path;
    OrderedJson parts = OrderedJson::array();
    for (const Inspected& part : found.parts) parts.push_back(part_json(part));
    reports.push_back({{"path", path}, {"layout", found.layout}, {"whole", found.is_whole()}, {"parts", parts}});
    if (!found.layout.empty()) text += fmt::format("{}: {}\n\n", path, found.layout);
    for (const Inspected& part : found.parts) text += part_text(part) + '\n';
  }
  terminal.clear_bar();
  args.report.json ? print_json({{"inspected", reports}}) : print(text);
  if (!broken.empty() && !args.report.json)
    fail(ErrorKind::BadFile, "{}: not a whole part of NewBie-image, as told above", broken);
}

}  // namespace

Command add_inspect(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("inspect", "tell what a file or a model folder is, and what it lacks");
  const auto args = std::make_shared<InspectArguments>();
  parser.add_option("PATH", args->paths, "weight files, folders of one part, model folders, LoRA files")
      ->required()
      ->group("Inspection");
  Flags flags(parser, "Inspection");
  flags.flag("--graph", args->options.graphs, "print the compiled graphs of each part, with their casts");
  add_precision_flags(flags, args->options.precision);
  flags.flag("--check-weights", args->options.check_weights, "read every weight and tell which are NaN or infinite");
  flags.value_flag("--lenient", args->options.strictness, Strictness::Lenient,
                   "read files whose header is padded with NUL bytes");
  add_report_flags(parser, args->report);
  parser.footer(R"(Weights are read with --check-weights alone. With --json, "whole" says whether all is well;
otherwise the exit code does.

Example:
  newbie inspect ~/ComfyUI/models my_lora.safetensors)");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
