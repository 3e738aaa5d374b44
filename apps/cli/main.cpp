// newbie: text to pictures on the command line. Words become requests here, and errors exit codes.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/commands.h"
#include "core/machine.h"
#include "exit_code.h"
#include "flags.h"
#include "last_resort.h"
#include "standard_streams.h"
#include "unknown_words.h"

namespace newbie {

namespace {

// CLI11's help without its list of what each flag excludes: the flags' own words say it.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_size() == 0 ? "" : " " + shown_type(*option);
    return type + (option->nonpositional() && option->get_required() ? " (required)" : "");
  }
};

void run_command(std::vector<std::string> words) {
  CLI::App program("newbie: NewBie-image on the CPU, from a prompt to a picture", "newbie");
  program.formatter(std::make_shared<HelpFormatter>());
  program.set_version_flag("--version", "newbie " NEWBIE_VERSION, "print the version and exit");
  program.set_help_flag("-h,--help", "print this text and exit");
  program.require_subcommand(1);
  std::vector<Command> commands;
  for (const auto add : kCommands) commands.push_back(add(program));
  program.footer(  // after the commands, which would take it over
      "Examples:\n"
      "  newbie generate -p \"1girl, solo, blue hair, smile\" -s 7 -o girl.png\n"
      "  newbie plan -W 256 -H 128\n"
      "  newbie generate --help\n\n" +
      exit_code_help());
  words = meant_words(std::move(words));
  try {
    program.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes the last word first
  } catch (const CLI::CallForHelp&) {
    require_known_commands(program, words);
    return print(program.help());  // of the command that was asked
  } catch (const CLI::CallForVersion& e) {
    return print(std::string(e.what()) + '\n');
  } catch (const CLI::ParseError& e) {
    refuse(program, e, words);
  }
  for (const Command& command : commands)
    if (command.parser->parsed()) command.run();
}

}  // namespace

}  // namespace newbie

int main(int argc, char** argv) {
  using namespace newbie;
  end_without_signals();  // also before this: last_resort.cpp
  settle_standard_streams();
  spare_address_space();
  // Read here and not from the parser: words that do not parse are an error to be told, too.
  const bool json = std::any_of(argv + 1, argv + argc, [](std::string_view word) { return word == "--json"; });
  try {
    run_command({argv + 1, argv + argc});
    return 0;
  } catch (const EndWith& end) {
    return end.code;
  } catch (const Error& e) {
    return report(e, json);
  } catch (const std::exception& e) {
    return report(describe(e), json);
  }
}
