// newbie metadata: what a picture says about how it was drawn.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "field_words.h"
#include "flags.h"
#include "image/picture_format.h"
#include "standard_streams.h"

namespace newbie {

namespace {

struct MetadataArguments {
  std::string file;
  bool json = false;
};

void run(const MetadataArguments& args) {
  const DecodedPicture picture = read_picture(args.file);
  const std::optional<Recollection> recalled = recall(picture.texts, args.file);
  if (args.json) {
    OrderedJson out, texts = OrderedJson::array(), flags;
    for (const TextChunk& text : picture.texts) texts.push_back({{"key", text.key}, {"text", text.text}});
    out["file"] = args.file;
    out["width"] = picture.image.width;
    out["height"] = picture.image.height;
    out["texts"] = texts;
    if (recalled) {
      for (const auto& [name, value] : recalled->fields) flags[flag_of(name).substr(2)] = value;
      out["request"] = {{"source", recalled->source}, {"flags", flags}, {"notes", recalled->notes}};
    }
    return print_json(out);
  }
  std::string out = fmt::format("{}  {}x{}\n", args.file, picture.image.width, picture.image.height);
  if (recalled) {
    out += fmt::format("\nread from '{}':\n", recalled->source);
    for (const auto& [name, value] : recalled->fields) {
      out += fmt::format("  {:<18}", flag_of(name).substr(2));
      for (const char c : value) out += c == '\n' ? "\n" + std::string(20, ' ') : std::string(1, c);
      out += '\n';
    }
    for (const std::string& note : recalled->notes) out += fmt::format("  not taken over: {}\n", note);
  }
  for (const TextChunk& text : picture.texts) out += fmt::format("\n[{}]\n{}\n", text.key, text.text);
  if (picture.texts.empty()) out += "says nothing about how it was drawn\n";
  print(out);
}

}  // namespace

Command add_metadata(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("metadata", "print what a picture says about how it was drawn");
  const auto args = std::make_shared<MetadataArguments>();
  parser.add_option("FILE", args->file, "PNG, JPEG or WebP")->required();
  Flags flags(parser, "Messages");
  flags.flag("--json", args->json, "one JSON object on standard output");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
