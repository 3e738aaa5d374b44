// newbie completions and newbie man: texts made from the parser itself.
#include "completions/completions.h"

#include <memory>

#include "command_tree.h"
#include "commands/commands.h"
#include "flags.h"
#include "man_page.h"
#include "standard_streams.h"

namespace newbie {

namespace {

struct Shell {
  const char* name;
  std::string (*script)(const CommandInfo& program);
};

constexpr Shell kShells[] = {{"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};

std::string shell_names() {
  std::string out;
  for (const Shell& shell : kShells) out.append(out.empty() ? "" : "|").append(shell.name);
  return out;
}

void run(const CLI::App& program, const std::string& name) {
  for (const Shell& shell : kShells)
    if (shell.name == name) return print(shell.script(command_tree(program)));
  fail_with_hint(ErrorKind::InvalidRequest, "shells: " + shell_names(), "no completions for the shell '{}'", name);
}

}  // namespace

Command add_completions(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("completions", "print the completions for a shell");
  const auto shell = std::make_shared<std::string>();
  parser.add_option("SHELL", *shell, "whose")->required()->type_name(shell_names());
  parser.footer(R"(Installed ones are found by the shells themselves. By hand:
  source <(newbie completions bash)
  newbie completions fish > ~/.config/fish/completions/newbie.fish
  newbie completions zsh > FOLDER/_newbie     with FOLDER in zsh's $fpath)");
  return {&parser, [&program, shell] { run(program, *shell); }};
}

Command add_man(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("man", "print the manual page");
  parser.footer("Example:\n  newbie man | man -l -");
  return {&parser, [&program] { print(man_page(command_tree(program), NEWBIE_VERSION)); }};
}

}  // namespace newbie
