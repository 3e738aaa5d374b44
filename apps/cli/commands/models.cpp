// newbie models: where models are looked for, what is there, and which one would be used.
#include <memory>

#include "cache_file.h"
#include "commands/commands.h"
#include "core/printable.h"
#include "exit_code.h"
#include "flags.h"
#include "generate/find_model.h"
#include "generate/inspect_model.h"
#include "generate/known.h"
#include "standard_streams.h"
#include "units.h"
#include "weights/fingerprint.h"

namespace newbie {

namespace {

struct ModelsArguments {
  std::string folder;
  bool json = false, words = false;
};

struct FoundPart {
  Inspected what;
  std::string hash;
};

struct FoundModel {
  const ModelPlace* place;
  bool is_there = false, is_used = false;
  std::string layout, problem;
  std::vector<FoundPart> parts;
};

FoundModel look_into(const ModelPlace& place, const ModelPlace* chosen) {
  FoundModel out{.place = &place, .is_used = &place == chosen};
  std::error_code ignored;
  out.is_there = std::filesystem::exists(place.folder, ignored);
  if (!out.is_there) return out;
  try {
    Inspection found = inspect(place.folder, {});
    std::optional<KeptHashes> kept;
    if (const auto file = cache_file("hashes.json")) kept.emplace(*file);
    out.layout = found.layout.empty() ? "a single part" : found.layout;
    for (Inspected& part : found.parts) {
      std::string hash;
      if (part.problem.empty())
        hash = fingerprint(open_weights(part.path, Strictness::Strict).files, kept ? &*kept : nullptr).substr(0, 10);
      out.parts.push_back({std::move(part), std::move(hash)});
    }
    if (!found.is_whole()) out.problem = "not whole: newbie inspect tells more";
  } catch (const Error& e) {
    out.problem = e.message();
  }
  return out;
}

std::string text_of(const FoundModel& model) {
  std::string out = fmt::format("{} ({}){}\n", in_one_line(model.place->folder.string()), model.place->origin,
                                model.is_used ? ": used" : "");
  if (!model.is_there) return out + "  nothing there\n";
  if (!model.layout.empty()) out += fmt::format("  {}\n", model.layout);
  for (const auto& [part, hash] : model.parts) {
    std::string dtypes;
    for (const auto& [name, amount] : part.dtypes) dtypes += (dtypes.empty() ? "" : "+") + name;
    out += fmt::format("  {:<36}{:>12} parameters {:>10}  {:<10}{}\n", to_string(part.kind), part.parameters,
                       format_bytes(part.bytes), dtypes, hash);
    if (!part.problem.empty()) out += fmt::format("    {}\n", in_message(part.problem));
  }
  if (!model.problem.empty()) out += fmt::format("  problem: {}\n", in_message(model.problem));
  return out;
}

OrderedJson json_of(const FoundModel& model) {
  OrderedJson parts = OrderedJson::array();
  for (const auto& [part, hash] : model.parts) {
    OrderedJson dtypes = OrderedJson::object();
    for (const auto& [name, amount] : part.dtypes) dtypes[name] = amount.parameters;
    parts.push_back({{"part", to_string(part.kind)},
                     {"path", part.path.string()},
                     {"parameters", part.parameters},
                     {"bytes", part.bytes},
                     {"dtypes", dtypes},
                     {"hash", hash},
                     {"problem", part.problem}});
  }
  return {{"folder", model.place->folder.string()},
          {"origin", model.place->origin},
          {"found", model.is_there},
          {"used", model.is_used},
          {"layout", model.layout},
          {"problem", model.problem},
          {"parts", parts}};
}

// What the model that would be used says it knows.
void list_words(const ModelsArguments& args, const std::vector<ModelPlace>& places) {
  const ModelPlace* chosen = chosen_place(places);
  const std::optional<KnownThings> known = chosen != nullptr ? read_known(chosen->folder) : std::nullopt;
  if (!known)
    fail_with_hint(ErrorKind::BadFile, "a model trained on everything has no list",
                   "{} does not say what it knows: no known.json", chosen != nullptr ? chosen->folder.string() : "");
  OrderedJson sizes = OrderedJson::array(), words;
  std::string text = "sizes";
  for (const PictureSize& s : known->sizes) {
    sizes.push_back({s.width, s.height});
    text += fmt::format("  {}x{}", s.width, s.height);
  }
  text += '\n';
  for (const auto& [kind, list] : known->words) {
    words[kind] = list;
    text += fmt::format("{}\n", in_one_line(kind));
    for (const std::string& word : list) text += fmt::format("  {}\n", in_one_line(word));
  }
  args.json ? print_json({{"folder", chosen->folder.string()}, {"sizes", sizes}, {"words", words}}) : print(text);
}

void run(const ModelsArguments& args) {
  const std::vector<ModelPlace> places = model_places(args.folder);
  if (args.words) return list_words(args, places);
  OrderedJson list = OrderedJson::array();
  std::string text;
  for (const ModelPlace& place : places) {
    const FoundModel model = look_into(place, chosen_place(places));
    if (args.json)
      list.push_back(json_of(model));
    else
      text += text_of(model);
  }
  args.json ? print_json({{"models", list}}) : print(text);
}

}  // namespace

Command add_models(CLI::App& program) {
  CLI::App& parser =
      *program.add_subcommand("models", "list where models are looked for, what is there and which one is used");
  const auto args = std::make_shared<ModelsArguments>();
  Flags(parser, "Model").text("-m,--model", args->folder, "DIR", "look here first, as newbie generate does");
  Flags(parser, "Model").flag("--words", args->words, "list the words and sizes that the model used knows, instead");
  Flags(parser, "Messages").flag("--json", args->json, "one JSON object on standard output");
  return {&parser, [args] { run(*args); }};
}

}  // namespace newbie
