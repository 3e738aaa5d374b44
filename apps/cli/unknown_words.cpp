#include "unknown_words.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/edit_distance.h"
#include "core/error.h"

namespace newbie {

namespace {

// "; did you mean X?", of the known word with the fewest other letters, or the first one that begins alike; or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  constexpr size_t kAlike = 6;  // letters, dashes included: "--samp"
  const auto begins_alike = [&](const std::string& name) {
    return word.size() >= kAlike && name.starts_with(word.substr(0, kAlike));
  };
  auto best = std::ranges::min_element(known, {}, [&](const std::string& name) { return edit_distance(word, name); });
  if (best != known.end() && edit_distance(word, *best) > std::max<size_t>(1, word.size() / 4))
    best = std::ranges::find_if(known, begins_alike);
  return best == known.end() ? "" : "; did you mean " + *best + "?";
}

std::vector<const CLI::App*> commands_of(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App* c) { return !c->get_name().empty(); });
}

std::vector<std::string> names_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> out;
  for (const CLI::App* command : commands) out.push_back(command->get_name());
  return out;
}

std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> out;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

}  // namespace

void refuse(const CLI::App& program, const CLI::ParseError& failure, int argc, const char* const* argv) {
  const CLI::App* command = &program;
  std::string path = "newbie";
  int at = 1;
  for (; at < argc; ++at) {
    const std::vector<const CLI::App*> next = commands_of(*command);
    const auto named =
        std::ranges::find(next, std::string_view(argv[at]), [](const CLI::App* c) { return c->get_name(); });
    if (named == next.end()) break;
    command = *named;
    path += ' ' + command->get_name();
  }
  const std::string hint = path + " --help";
  const std::vector<const CLI::App*> commands = commands_of(*command);
  if (at < argc && !commands.empty() && argv[at][0] != '-')
    fail_with_hint(ErrorKind::InvalidRequest, hint, "{}: no command '{}'{}", path, argv[at],
                   suggestion(argv[at], names_of(commands)));
  const std::vector<std::string> flags = flags_of(*command);
  if (dynamic_cast<const CLI::ExtrasError*>(&failure) != nullptr)
    for (; at < argc; ++at) {
      const std::string_view word = argv[at], name = word.substr(0, word.find('='));
      if (name.starts_with("--") && std::ranges::find(flags, name) == flags.end())
        fail_with_hint(ErrorKind::InvalidRequest, hint, "{}: no flag {}{}", path, name, suggestion(name, flags));
    }
  fail_with_hint(ErrorKind::InvalidRequest, hint, "{}", failure.what());
}

}  // namespace newbie
