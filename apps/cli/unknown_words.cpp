#include "unknown_words.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/edit_distance.h"
#include "core/error.h"
#include "foreign_flags.h"

namespace newbie {

namespace {

// "; did you mean X?", of the known word with the fewest other letters, or the first one that begins alike; or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  constexpr size_t kAlike = 6;  // letters, dashes included: "--samp"
  const auto begins_alike = [&](const std::string& name) {
    return word.size() >= kAlike && name.starts_with(word.substr(0, kAlike));
  };
  const auto distance = [&](const std::string& name) { return edit_distance(word, name, Swapped::OneEdit); };
  auto best = std::ranges::min_element(known, {}, distance);
  if (best != known.end() && distance(*best) > std::max<size_t>(1, word.size() / 4))
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

// The command that the words in front name, and the first word behind it.
struct NamedCommand {
  const CLI::App* command;
  std::string path = "newbie";
  size_t at = 0;

  NamedCommand(const CLI::App& program, std::span<const std::string> words) : command(&program) {
    for (; at < words.size(); ++at) {
      const std::vector<const CLI::App*> next = commands_of(*command);
      const auto named = std::ranges::find(next, words[at], [](const CLI::App* c) { return c->get_name(); });
      if (named == next.end()) return;
      command = *named;
      path += ' ' + command->get_name();
    }
  }
};

std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> out;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

[[noreturn]] void refuse_flag(const NamedCommand& named, const std::string& name) {
  const std::string hint = named.path + " --help";
  const std::vector<std::string> flags = flags_of(*named.command);
  if (const ForeignFlag* foreign = find_foreign_flag(name)) {
    if (foreign->ours.empty())
      fail_with_hint(ErrorKind::InvalidRequest, hint, "{}: no flag {}: {}", named.path, name, foreign->words);
    if (std::ranges::find(flags, foreign->ours) != flags.end())
      fail_with_hint(ErrorKind::InvalidRequest, hint, "{}: no flag {}: here it is {}{}{}", named.path, name,
                     foreign->ours, foreign->words.empty() ? "" : "; ", foreign->words);
  }
  fail_with_hint(ErrorKind::InvalidRequest, hint, "{}: no flag {}{}", named.path, name, suggestion(name, flags));
}

}  // namespace

std::vector<std::string> meant_words(std::vector<std::string> words) {
  if (words.empty()) return {"--help"};
  if (words.front() == "version" && words.size() == 1) return {"--version"};
  if (words.front() != "help") return words;
  words.erase(words.begin());
  words.push_back("--help");
  return words;
}

void require_known_commands(const CLI::App& program, std::span<const std::string> words) {
  const NamedCommand named(program, words);
  const std::vector<const CLI::App*> commands = commands_of(*named.command);
  if (named.at == words.size() || commands.empty() || words[named.at].starts_with('-')) return;
  fail_with_hint(ErrorKind::InvalidRequest, named.path + " --help", "{}: no command '{}'{}", named.path,
                 words[named.at], suggestion(words[named.at], names_of(commands)));
}

void refuse(const CLI::App& program, const CLI::ParseError& failure, std::span<const std::string> words) {
  require_known_commands(program, words);
  const NamedCommand named(program, words);
  const std::string hint = named.path + " --help";
  if (!commands_of(*named.command).empty() && named.at < words.size())
    fail_with_hint(ErrorKind::InvalidRequest, hint, "{}: flags follow a command, as in {} {} {} …", named.path,
                   named.path, commands_of(*named.command).front()->get_name(), words[named.at]);
  const std::vector<std::string> flags = flags_of(*named.command);
  if (dynamic_cast<const CLI::ExtrasError*>(&failure) != nullptr)
    for (size_t at = named.at; at < words.size(); ++at) {
      const std::string name = words[at].substr(0, words[at].find('='));
      if (name.starts_with("--") && std::ranges::find(flags, name) == flags.end()) refuse_flag(named, name);
    }
  fail_with_hint(ErrorKind::InvalidRequest, hint, "{}", failure.what());
}

}  // namespace newbie
