// newbie dev: the command under which tools for people who work on newbie stand.
#pragma once

#include <CLI/CLI.hpp>

namespace newbie {

inline CLI::App& dev_command(CLI::App& program) {
  for (CLI::App* there : program.get_subcommands([](const CLI::App* app) { return app->get_name() == "dev"; }))
    return *there;
  CLI::App& dev = *program.add_subcommand("dev", "tools for people who work on newbie or compare it");
  dev.require_subcommand(1);
  return dev;
}

}  // namespace newbie
