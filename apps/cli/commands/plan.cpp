// newbie plan: the memory of a request, before anything is allocated.
#include <algorithm>
#include <memory>

#include "arguments.h"
#include "backend/vulkan_devices.h"
#include "commands/commands.h"
#include "core/machine.h"
#include "generate/find_model.h"
#include "generate/quality.h"
#include "plan_report.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct PlanArguments {
  EngineArguments engine;
  PictureArguments picture;
  ReportArguments report;
};

// The request's own, and what other qualities would take: time follows them.
std::string evaluations_line(GenerateRequest request) {
  const int64_t own = evaluations_of(request);
  const bool at_most = evaluations_are_bounds(request);
  std::string others;
  for (const Named<Quality>& quality : qualities()) {
    if (quality.value == Quality::Manual) continue;
    set_quality(request, quality.value);
    others += fmt::format("{}{} {}", others.empty() ? "" : ", ", quality.name, evaluations_of(request));
  }
  return fmt::format("{:<28}{:>12}  (--quality {})\n", at_most ? "evaluations, at most" : "evaluations a picture", own,
                     others);
}

// A plan for the best device of this machine needs none: where there is none, a card is assumed.
void assume_a_card(EngineOptions& options, Terminal& terminal) {
  if (options.backend != BackendChoice::Vulkan || !options.device.empty()) return;
  const VulkanListing listing = list_vulkan_devices();
  if (std::ranges::any_of(listing.devices, [](const VulkanDevice& d) { return d.refusal.empty(); })) return;
  options.device = kAssumedDevice;
  const std::string memory = options.device_budget_bytes != 0
                                 ? std::string()
                                 : fmt::format(" of {} (--vram)", format_bytes(kAssumedDeviceBytes));
  terminal.warn("there is no device that can be taken ({}): this is the plan of an assumed card{}",
                listing.problem.empty() ? "`newbie devices` tells why" : listing.problem, memory);
}

const char* machine_words() {
  return address_space_limit() ? "  (what ulimit -v leaves; kernels' code takes of it, too)"
                               : "  (what the machine has left)";
}

void run(CLI::App& parser, PlanArguments& args) {
  Terminal terminal(args.report.verbosity);
  assume_a_card(args.engine.options, terminal);
  // Without a prompt: an empty one.
  complete_request(parser, args.picture, args.engine.options.memory_budget_bytes, terminal);
  TextToImage engine = TextToImage::open(find_model(args.engine.model), args.engine.options, terminal);
  Job job = engine.prepare(args.picture.request);
  const bool assumed =
      args.engine.options.backend == BackendChoice::Vulkan && args.engine.options.device == kAssumedDevice;
  const MemoryPlan plan = assumed ? job.plan() : job.plan_with_times();  // nothing can be timed on what is not here
  if (args.report.json) {
    OrderedJson out = plan_json(plan);
    out["budget_bytes"] = plan.budget_bytes;
    out["evaluations"] = evaluations_of(args.picture.request);
    if (evaluations_are_bounds(args.picture.request)) out["evaluations_are_at_most"] = true;
    out["threads"] = engine.threads();
    out["precision"] = {{"name", engine.precision_name()}, {"reasons", engine.precision_reasons()}};
    return print_json(out);
  }
  print(plan_table(plan) + evaluations_line(args.picture.request) +
        fmt::format("{:<28}{:>12}{}\n", "budget", format_bytes(plan.budget_bytes),
                    args.engine.options.memory_budget_bytes != 0 ? "" : machine_words()));
}

}  // namespace

Command add_plan(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("plan", "print the memory a request needs, and stop");
  const auto args = std::make_shared<PlanArguments>();
  add_picture_flags(parser, args->picture);
  add_engine_flags(parser, args->engine);
  add_report_flags(parser, args->report);
  parser.footer(
      R"(Without a prompt the plan is that of an empty one. Plans for a card need none: --device vulkan:assumed is one that is
not here.

Example:
  newbie plan -W 256 -H 128 --prompt-file prompt.xml --memory 300MiB)");
  return {&parser, [&parser, args] { run(parser, *args); }};
}

}  // namespace newbie
