#include "man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace newbie {

namespace {

// Text as roff takes it: a dash stays a dash that can be copied, and no line is a request by accident.
std::string roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'')
      out += "\\(aq";
    else if (c == '`')
      out += "\\(ga";
    else if (c == '^')
      out += "\\(ha";
    else if (c == '~')
      out += "\\(ti";
    else
      out += c;
  }
  return out;
}

// Examples and tables keep their lines.
std::string as_it_is(const std::string& text) {
  std::string body = roff(text);
  while (body.ends_with('\n')) body.pop_back();
  return ".nf\n" + body + "\n.fi\n";
}

std::string flag_text(const FlagInfo& flag, bool positional) {
  std::string title;
  for (const std::string& name : flag.names) {
    title += title.empty() ? "" : ", ";
    title += fmt::format("\\f{}{}\\fR", positional ? 'I' : 'B', roff(name));
  }
  if (!positional && flag.takes_value()) title += fmt::format(" \\fI{}\\fR", roff(flag.type));
  std::string help = roff(flag.help);
  for (size_t at = 0; (at = help.find('\n', at)) != std::string::npos; at += 5) help.replace(at, 1, "\n.br\n");
  return fmt::format(".TP\n{}\n{}\n", title, help.empty() ? "\\&" : help);
}

std::string synopsis(const CommandInfo& command) {
  std::string out = fmt::format("\\fB{}\\fR", roff(command.name));
  if (!command.commands.empty()) out += " \\fICOMMAND\\fR";
  if (command.flags.size() > 1) out += " [\\fIFLAGS\\fR]";
  for (const FlagInfo& positional : command.positionals)
    out += fmt::format(" \\fI{}\\fR", roff(positional.names.front()));
  return out;
}

std::string section_of(const CommandInfo& command) {
  std::string out = fmt::format(".SS {}\n{}\n.PP\n{}.\n", roff(command.name), synopsis(command), roff(command.about));
  for (const FlagInfo& positional : command.positionals) out += flag_text(positional, true);
  std::string group;
  for (const FlagInfo& flag : command.flags) {
    if (flag.names.back() == "--help") continue;  // said once, for all
    if (flag.group != group) out += fmt::format(".PP\n{}:\n", roff(group = flag.group));
    out += flag_text(flag, false);
  }
  if (!command.footer.empty()) out += ".PP\n" + as_it_is(command.footer);
  return out;
}

}  // namespace

std::string man_page(const CommandInfo& program, const std::string& version) {
  std::string upper = program.name;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  // "newbie: what it is" -> "what it is"
  const std::string about = program.about.substr(program.about.find(": ") + 2);
  std::string out = fmt::format(
      "'\\\" -*- coding: utf-8 -*-\n.\\\" Written by: newbie man\n.TH {} 1 \"\" \"{} {}\" \"User Commands\"\n.SH NAME\n"
      "{} \\- {}\n.SH SYNOPSIS\n",
      upper, program.name, version, program.name, roff(about));
  const std::vector<const CommandInfo*> commands = all_commands(program);
  bool first = true;
  for (const CommandInfo* command : commands) {
    if (!command->commands.empty()) continue;
    out += (first ? "" : ".br\n") + synopsis(*command) + '\n';
    first = false;
  }
  out += ".SH FLAGS\n";
  for (const FlagInfo& flag : program.flags) out += flag_text(flag, false);
  out += ".SH COMMANDS\n";
  for (const CommandInfo* command : commands)
    if (command != &program) out += section_of(*command);
  return out + ".SH NOTES\n" + as_it_is(program.footer);
}

}  // namespace newbie
