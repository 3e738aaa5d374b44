#include "text/prompt_json.h"

#include <algorithm>
#include <string>
#include <utility>

#include "text/prompt_weights.h"

namespace newbie {

namespace {

OrderedJson position_json(TextPosition at) { return {{"line", at.line}, {"column", at.column}, {"offset", at.offset}}; }

const char* source_name(TokenPiece::Source source) {
  return source == TokenPiece::Source::Special        ? "special"
         : source == TokenPiece::Source::SystemPrompt ? "system_prompt"
                                                      : "prompt";
}

OrderedJson pieces_json(const EncoderTokens& encoder) {
  OrderedJson pieces = OrderedJson::array();
  for (const TokenPiece& piece : encoder.pieces)
    pieces.push_back({{"id", piece.id},
                      {"text", encoder.text.substr(piece.begin, piece.end - piece.begin)},
                      {"source", source_name(piece.source)},
                      {"lost", piece.lost}});
  return pieces;
}

}  // namespace

OrderedJson findings_json(std::span<const Finding> findings) {
  OrderedJson list = OrderedJson::array();
  for (const Finding& f : findings) {
    OrderedJson one{{"code", f.code}, {"severity", to_string(f.severity)}};
    one.update(position_json(f.at));
    one["message"] = f.message;
    one["hint"] = f.hint;
    if (f.fix) one["fix"] = {{"begin", f.fix->begin}, {"end", f.fix->end}, {"text", f.fix->text}};
    list.push_back(std::move(one));
  }
  return list;
}

size_t count_source(const EncoderTokens& encoder, TokenPiece::Source source) {
  return static_cast<size_t>(std::count_if(encoder.pieces.begin(), encoder.pieces.end(),
                                           [&](const TokenPiece& piece) { return piece.source == source; }));
}

OrderedJson tokens_json(const PromptTokens& tokens, bool with_pieces) {
  OrderedJson encoders = OrderedJson::array();
  for (const EncoderTokens* encoder : {&tokens.gemma, &tokens.jina}) {
    OrderedJson blocks = OrderedJson::array();
    for (const BlockTokens& block : encoder->blocks)
      blocks.push_back({{"name", block.name}, {"line", block.at.line}, {"tokens", block.count}});
    OrderedJson one;
    one["encoder"] = encoder->encoder;
    one["tokens"] = encoder->used + encoder->lost;
    one["limit"] = encoder->limit;
    one["lost"] = encoder->lost;
    one["lost_at"] = encoder->lost_at ? position_json(*encoder->lost_at) : OrderedJson(nullptr);
    one["system_prompt"] = count_source(*encoder, TokenPiece::Source::SystemPrompt);
    one["blocks"] = blocks;
    if (with_pieces) one["pieces"] = pieces_json(*encoder);
    encoders.push_back(std::move(one));
  }
  return {{"system_prompt", tokens.system_prompt}, {"encoders", encoders}};
}

size_t count_findings(const PromptReport& report, Severity severity) {
  return static_cast<size_t>(std::count_if(report.findings.begin(), report.findings.end(),
                                           [&](const Finding& f) { return f.severity == severity; }));
}

OrderedJson report_json(const PromptReport& report) {
  return {{"findings", findings_json(report.findings)},
          {"errors", count_findings(report, Severity::Error)},
          {"warnings", count_findings(report, Severity::Warning)},
          {"infos", count_findings(report, Severity::Info)},
          {"tokens", report.tokens ? tokens_json(*report.tokens, false) : OrderedJson(nullptr)}};
}

PromptReport report_prompt(std::string_view text, bool weighted, const CountTokens& count) {
  PromptReport out;
  out.findings = lint_prompt(text, parse_prompt(text));
  out.plain = std::make_shared<const std::string>(text);
  if (weighted) {
    WeightedPrompt read = read_weights(text);
    for (WeightProblem& problem : read.problems)
      out.findings.push_back({"weight-markup", Severity::Error, problem.at, std::move(problem.message), ""});
    out.plain = std::make_shared<const std::string>(std::move(read.text));
  }
  const bool is_text =
      std::none_of(out.findings.begin(), out.findings.end(), [](auto& f) { return f.code == "not-utf8"; });
  if (!is_text || !count) return out;
  out.tokens = count(*out.plain, parse_prompt(*out.plain));
  for (Finding& finding : lint_tokens(*out.tokens)) out.findings.push_back(std::move(finding));
  return out;
}

}  // namespace newbie
