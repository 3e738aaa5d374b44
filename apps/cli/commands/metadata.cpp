// newbie metadata: what a picture, or a text that was copied out of one, says about how it was drawn.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/files.h"
#include "core/printable.h"
#include "field_words.h"
#include "flags.h"
#include "from_picture.h"
#include "image/picture_format.h"
#include "standard_streams.h"

namespace newbie {

namespace {

struct MetadataArguments {
  std::string file;
  bool json = false;
};

// A text by itself has no pixels and is its own text.
DecodedPicture read_texts(const std::string& file) {
  if (!is_recalled_text(file)) return read_picture_texts(file);
  DecodedPicture out;
  out.texts.push_back({"text", read_file(file, kMaxRecalledBytes)});
  return out;
}

void run(const MetadataArguments& args) {
  const DecodedPicture picture = read_texts(args.file);
  std::optional<Recollection> recalled;
  std::optional<Error> problem;  // told after the texts, which are there all the same
  try {
    recalled = is_recalled_text(args.file) ? recall_text(picture.texts.front().text, args.file)
                                           : recall(picture.texts, args.file);
  } catch (const Error& e) {
    if (picture.texts.empty()) throw;
    problem = e;
  }
  if (args.json) {
    OrderedJson out, texts = OrderedJson::array(), flags;
    for (const TextChunk& text : picture.texts) texts.push_back({{"key", text.key}, {"text", text.text}});
    out["file"] = args.file;
    if (picture.image.width > 0) {
      out["width"] = picture.image.width;
      out["height"] = picture.image.height;
    }
    out["texts"] = texts;
    if (recalled) {
      for (const auto& [name, value] : recalled->fields) flags[flag_of(name).substr(2)] = value;
      out["request"] = {{"source", recalled->source}, {"flags", flags}, {"notes", recalled->notes}};
    }
    if (problem) out["problem"] = problem->message();
    return print_json(out);
  }
  std::string out = in_one_line(args.file);
  if (picture.image.width > 0) out += fmt::format("  {}x{}", picture.image.width, picture.image.height);
  out += '\n';
  if (recalled) {
    out += fmt::format("\nread from '{}':\n", recalled->source);
    for (const auto& [name, value] : recalled->fields) {
      out += fmt::format("  {:<18}", flag_of(name).substr(2));
      for (const char c : value) out += c == '\n' ? "\n" + std::string(20, ' ') : std::string(1, c);
      out += '\n';
    }
    for (const std::string& note : recalled->notes) out += fmt::format("  not taken over: {}\n", in_one_line(note));
  }
  for (const TextChunk& text : picture.texts) out += fmt::format("\n[{}]\n{}\n", in_one_line(text.key), text.text);
  if (picture.texts.empty()) out += "says nothing about how it was drawn\n";
  print(out);
  if (problem) throw Error(*problem);
}

}  // namespace

Command add_metadata(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("metadata", "print what a picture says about how it was drawn");
  const auto args = std::make_shared<MetadataArguments>();
  parser.add_option("FILE", args->file, "a picture, or a .txt or .json with what one says")->required();
  Flags flags(parser, "Messages");
  flags.flag("--json", args->json, "one JSON object on standard output");
  parser.footer(R"(Examples:
  newbie metadata girl.png
  newbie metadata --json girl.webp | jq .request.flags)");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
