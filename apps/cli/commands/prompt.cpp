// newbie prompt: tools for prompts, none of which draws. lint, format, tokens, from-tags, schema.
#include <algorithm>
#include <array>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/error.h"
#include "core/printable.h"
#include "exit_code.h"
#include "field_words.h"
#include "flags.h"
#include "generate/find_model.h"
#include "standard_streams.h"
#include "text/prompt_format.h"
#include "text/prompt_from_tags.h"
#include "text/prompt_json.h"
#include "text/prompt_lint.h"
#include "text/prompt_schema.h"
#include "text/prompt_tokens.h"
#include "text/prompt_weights.h"

namespace newbie {

namespace {

struct PromptArguments {
  std::optional<std::string> prompt, file;
  bool json = false;
  bool weights = false;
  PromptFormat format;
  ModelPaths model;
  TokenOptions tokens;

  // Standard input when nobody says anything.
  std::string read() const {
    if (prompt && *prompt != "-") return *prompt;
    return read_prompt(file.value_or("-"));
  }
  // For messages that editors can follow.
  std::string where() const { return file && *file != "-" ? *file : "prompt"; }
};

// "one\ntwo", as JSON writes it.
std::string as_json(std::string_view text) {
  return printable_json(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
}

PromptTokens tokens_of(const PromptArguments& args, std::string_view text, const PromptTree& tree) {
  // Both encoders by hand need no transformer beside them.
  const bool by_hand = !args.model.text_encoder.empty() && !args.model.clip_model.empty();
  const ModelPaths paths = by_hand ? args.model : locate_model(find_model(args.model)).paths;
  const auto gemma = open_text_encoder(paths.text_encoder, silent_log()).open_tokenizer();
  const auto jina = open_clip_model(paths.clip_model, silent_log()).open_tokenizer();
  return count_prompt_tokens(text, tree, *gemma, *jina, args.tokens);
}

// Tokens by block and encoder.
std::string token_table(const PromptTokens& tokens) {
  const std::array<const EncoderTokens*, 2> encoders{&tokens.gemma, &tokens.jina};
  std::string out;
  const auto row = [&](std::string_view name, auto value) {
    out += fmt::format("{:<24}{:>14}{:>14}\n", name, value(*encoders[0]), value(*encoders[1]));
  };
  row("tokens", [](const EncoderTokens& e) { return e.encoder; });
  row("system prompt",
      [](const EncoderTokens& e) { return std::to_string(count_source(e, TokenPiece::Source::SystemPrompt)); });
  for (size_t i = 0; i < tokens.gemma.blocks.size(); ++i)
    row(tokens.gemma.blocks[i].name, [&](const EncoderTokens& e) { return std::to_string(e.blocks[i].count); });
  row("in all, of", [](const EncoderTokens& e) { return fmt::format("{} / {}", e.used + e.lost, e.limit); });
  row("lost", [](const EncoderTokens& e) { return std::to_string(e.lost); });
  return out;
}

void lint(const PromptArguments& args) {
  const std::string text = args.read();
  const PromptReport report = report_prompt(
      text, args.weights, [&](std::string_view plain, const PromptTree& tree) { return tokens_of(args, plain, tree); });
  const std::vector<Finding>& findings = report.findings;
  const std::optional<PromptTokens>& tokens = report.tokens;

  const size_t errors = count_findings(report, Severity::Error);
  if (args.json) {
    print_json(report_json(report));
  } else {
    std::string out;
    for (const Finding& f : findings) {
      out += fmt::format("{}:{}:{}: {}: {} [{}]\n", in_one_line(args.where()), f.at.line, f.at.column,
                         to_string(f.severity), in_message(f.message), f.code);
      if (!f.hint.empty()) out += fmt::format("    {}\n", in_message(in_flags(f.hint)));
    }
    out += fmt::format("{} errors, {} warnings, {} infos\n", errors, count_findings(report, Severity::Warning),
                       count_findings(report, Severity::Info));
    if (tokens) out += "\n" + token_table(*tokens);
    print(out);
  }
  if (errors > 0) throw EndWith{kFoundProblems};
}

// A prompt, as the other commands and the encoders would take it.
std::string read_text(const PromptArguments& args) {
  std::string text = args.read();
  require_text("the prompt", text);
  return text;
}

void print_prompt(const PromptArguments& args, const std::string& text) {
  args.json ? print_json({{"prompt", text}}) : print_data(text + "\n");
}

std::string piece_text(const EncoderTokens& encoder, const TokenPiece& piece) {
  if (piece.source == TokenPiece::Source::Special) return "(special)";
  if (piece.begin == piece.end) return "(with the next)";
  return as_json(encoder.text.substr(piece.begin, piece.end - piece.begin));
}

void tokens(const PromptArguments& args) {
  std::string text = read_text(args);
  if (args.weights) text = parse_weights(text, args.where()).text;
  const PromptTokens counted = tokens_of(args, text, parse_prompt(text));
  if (args.json) return print_json(tokens_json(counted, true));
  std::string out;
  for (const EncoderTokens* encoder : {&counted.gemma, &counted.jina}) {
    out += encoder->encoder + "\n";
    for (const TokenPiece& piece : encoder->pieces)
      out += fmt::format("{:>8}  {}{}\n", piece.id, piece_text(*encoder, piece), piece.lost ? "  lost" : "");
    out += "\n";
  }
  print(out + token_table(counted));
}

void schema(const PromptArguments& args) {
  const OrderedJson json = prompt_schema();
  args.json ? print_json(json) : print(json.dump(2) + "\n");
}

void add_text_flags(CLI::App& parser, PromptArguments& a) {
  Flags flags(parser, "Prompt");
  CLI::Option* text = flags.text("-p,--prompt", a.prompt, "TEXT", "the text (default: standard input)");
  flags.text("file,--prompt-file", a.file, "FILE", "the text from a file; - is standard input")->excludes(text);
}

void add_token_flags(CLI::App& parser, PromptArguments& a) {
  Flags(parser, "Prompt").flag("--weights", a.weights, "the text has weights, as newbie generate --weights reads them");
  Flags model(parser, "Model");
  model.text("-m,--model", a.model.folder, "DIR", "whose tokenizers count (default: as newbie generate)");
  model.text("--text-encoder", a.model.text_encoder, "PATH", "Gemma 3 alone");
  model.text("--clip", a.model.clip_model, "PATH", "Jina CLIP alone");
  Flags encoders(parser, "Encoders");
  encoders.text("--system-prompt", a.tokens.system_prompt, "NAME|TEXT", "as newbie generate has it");
  encoders.choice<Routing>("--routing", a.tokens.routing,
                           {{"official", Routing::Official}, {"comfyui", Routing::ComfyUi}},
                           "comfyui: Jina CLIP reads the system prompt, too");
  encoders.integer("--max-gemma-tokens", a.tokens.max_gemma_tokens,
                   fmt::format("(default: {})", a.tokens.max_gemma_tokens), 1, 131072);
  encoders.integer("--max-jina-tokens", a.tokens.max_jina_tokens,
                   fmt::format("(default: {})", a.tokens.max_jina_tokens), 2, 8194);
}

struct Tool {
  const char* name;
  const char* about;
  void (*run)(const PromptArguments&);
  bool reads_text, counts_tokens;
  const char* footer;
};

std::string lint_footer() {
  std::string out = "Codes:\n";
  for (const LintRule& rule : lint_rules())
    out += fmt::format("  {:<20} {:<8} {}\n", rule.code, to_string(rule.severity), in_flags(rule.about));
  return out + fmt::format("\nExit code: {} when there is an error, 0 for warnings and infos alone", kFoundProblems);
}

constexpr Tool kTools[] = {
    {"lint", "tell what is wrong with a prompt, and what the encoders read of it", lint, true, true, ""},
    {"format", "print an XML prompt in its canonical form",
     [](const PromptArguments& a) { print_prompt(a, format_prompt(read_text(a), a.format)); }, true, false, ""},
    {"tokens", "print the tokens of both encoders", tokens, true, true, ""},
    {"from-tags", "print a list of Danbooru tags as an XML prompt",
     [](const PromptArguments& a) { print_prompt(a, prompt_from_tags(read_text(a))); }, true, false,
     "Tags that no rule knows go to <extra_tags>; the rules are in docs/prompts.md.\n\nExample:\n"
     "  newbie prompt from-tags -p \"1girl, blue hair, smile\" | newbie generate -p - -o girl.png"},
    {"schema", "print the tags of XML prompts as JSON Schema", schema, false, false, ""},
};

}  // namespace

Command add_prompt(CLI::App& program) {
  CLI::App& group = *program.add_subcommand("prompt", "check, format, count and make prompts");
  group.require_subcommand(1);
  const auto args = std::make_shared<PromptArguments>();
  std::vector<std::pair<const CLI::App*, void (*)(const PromptArguments&)>> tools;
  for (const Tool& tool : kTools) {
    CLI::App& parser = *group.add_subcommand(tool.name, tool.about);
    if (tool.reads_text) add_text_flags(parser, *args);
    if (tool.counts_tokens) add_token_flags(parser, *args);
    Flags flags(parser, "Output");
    if (tool.run == kTools[1].run) flags.flag("--escape", args->format.escape, "write &, < and > as entities");
    flags.flag("--json", args->json, "one JSON object on one line");
    parser.footer(tool.run == lint ? lint_footer() : tool.footer);
    tools.emplace_back(&parser, tool.run);
  }
  return {&group, [args, tools] {
            for (const auto& [parser, run] : tools)
              if (parser->parsed()) run(*args);
          }};
}

}  // namespace newbie
