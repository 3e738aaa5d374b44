// newbie samplers: what --sampling-method and --scheduler take, printed from the registries.
#include <memory>

#include "commands/commands.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "flags.h"
#include "generate/request.h"
#include "standard_streams.h"

namespace newbie {

namespace {

std::string text() {
  const Sampler& usual = find_sampler(GenerateRequest{}.sampler);
  std::string out = "--sampling-method\n";
  for (const Sampler* s : samplers())
    out +=
        fmt::format("  {:<18}{}; schedule: {}{}{}\n", s->name, s->summary, s->default_schedule,
                    s->alias.empty() ? "" : fmt::format("; also called {}", s->alias), s == &usual ? " (default)" : "");
  out += "\n--scheduler\n";
  for (const Schedule& s : schedules())
    out += fmt::format("  {:<18}{}{}\n", s.name, s.summary,
                       s.name == usual.default_schedule ? fmt::format(" (default, with {})", usual.name) : "");
  return out;
}

OrderedJson json() {
  const Sampler& usual = find_sampler(GenerateRequest{}.sampler);
  OrderedJson out;
  out["samplers"] = OrderedJson::array();
  for (const Sampler* s : samplers())
    out["samplers"].push_back({{"name", s->name},
                               {"alias", s->alias},
                               {"summary", s->summary},
                               {"schedule", s->default_schedule},
                               {"evaluations_per_interval", s->evaluations_per_interval},
                               {"default", s == &usual}});
  out["schedules"] = OrderedJson::array();
  for (const Schedule& s : schedules())
    out["schedules"].push_back({{"name", s.name},
                                {"summary", s.summary},
                                {"min_steps", s.min_steps},
                                {"default", s.name == usual.default_schedule}});
  return out;
}

}  // namespace

Command add_samplers(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("samplers", "list the samplers and schedules");
  const auto as_json = std::make_shared<bool>(false);
  Flags(parser, "Messages").flag("--json", *as_json, "one JSON object on standard output");
  return {&parser, [as_json] { *as_json ? print_json(json()) : print(text()); }};
}

}  // namespace newbie
