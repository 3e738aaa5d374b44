// /v1/prompt: what `newbie prompt` tells, for pages and programs. The engine's own words: no second parser anywhere.
#include "generate/request_json.h"
#include "own_request.h"
#include "routes/all.h"
#include "text/plain_text.h"
#include "text/prompt_format.h"
#include "text/prompt_from_tags.h"
#include "text/prompt_json.h"
#include "text/prompt_outline.h"
#include "text/prompt_schema.h"
#include "text/prompt_weights.h"
#include "text/tag_dictionary.h"
#include "text/utf8.h"

namespace newbie {

namespace {

// {"prompt": "…"}, and what else a route takes.
struct PromptBody {
  OrderedJson json;
  std::string prompt;
};

PromptBody prompt_body(const Call& call, std::string_view name = "prompt") {
  PromptBody out;
  out.json = call.json();
  if (!out.json.is_object()) refuse("", "expected an object");
  const OrderedJson prompt = take_member(out.json, std::string(name));
  if (!prompt.is_string()) refuse(std::string(name), "expected a text");
  out.prompt = plain_text(prompt.get<std::string>());
  if (out.prompt.size() > call.server.limits.prompt_bytes)
    throw Error(ErrorKind::InvalidRequest,
                fmt::format("longer than the {} bytes taken here", call.server.limits.prompt_bytes), "",
                std::string(name));
  return out;
}

// The rest of the body as fields of a request: routing, system_prompt, weights, and the limits of tokens.
GenerateRequest settings_of(const PromptBody& body) { return request_from_json(body.json); }

TokenOptions token_options(const GenerateRequest& r) {
  return {.routing = r.routing,
          .system_prompt = r.system_prompt,
          .max_gemma_tokens = r.max_gemma_tokens,
          .max_jina_tokens = r.max_jina_tokens};
}

void lint(const Call& call) {
  const PromptBody body = prompt_body(call);
  const GenerateRequest settings = settings_of(body);
  const PromptReport report =
      report_prompt(body.prompt, settings.weights, [&](std::string_view text, const PromptTree& tree) {
        return call.server.model().count_tokens(text, tree, token_options(settings));
      });
  call.answer(report_json(report));
}

void tokens(const Call& call) {
  const PromptBody body = prompt_body(call);
  const GenerateRequest settings = settings_of(body);
  const std::string text = settings.weights ? parse_weights(body.prompt, "prompt").text : body.prompt;
  call.answer(tokens_json(call.server.model().count_tokens(text, parse_prompt(text), token_options(settings)), true));
}

void format(const Call& call) {
  PromptBody body = prompt_body(call);
  const OrderedJson escape = take_member(body.json, "escape");
  if (!escape.is_null() && !escape.is_boolean()) refuse("escape", "expected true or false");
  call.answer({{"prompt", format_prompt(body.prompt, {.escape = escape.is_boolean() && escape.get<bool>()})}});
}

void from_tags(const Call& call) { call.answer({{"prompt", prompt_from_tags(prompt_body(call, "tags").prompt)}}); }

// What a form shows of a prompt.
void outline(const Call& call) { call.answer({{"blocks", outline_json(outline_prompt(prompt_body(call).prompt))}}); }

void words(const Call& call) { call.answer({{"words", known_tags()}}); }

void schema(const Call& call) { call.answer(prompt_schema()); }

}  // namespace

const Route lint_route{"POST",       "/v1/prompt/lint",
                       Dialect::Own, false,
                       lint,         "What is wrong with a prompt, and what the encoders read of it"};
const Route tokens_route{"POST", "/v1/prompt/tokens", Dialect::Own, false, tokens, "The tokens of both encoders"};
const Route format_route{
    "POST", "/v1/prompt/format", Dialect::Own, false, format, "An XML prompt in its canonical form"};
const Route from_tags_route{
    "POST", "/v1/prompt/from-tags", Dialect::Own, false, from_tags, "A list of Danbooru tags as an XML prompt"};
const Route prompt_schema_route{
    "GET", "/v1/prompt/schema", Dialect::Own, false, schema, "The tags of XML prompts as JSON Schema"};

const Route outline_route{"POST",       "/v1/prompt/outline",
                          Dialect::Own, false,
                          outline,      "The blocks and fields of a prompt, each with its place"};
const Route words_route{"GET", "/v1/prompt/words", Dialect::Own, false, words, "Tags that prompts are made of"};

}  // namespace newbie
