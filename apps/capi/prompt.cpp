// Prompts: checked, counted, put in order and made of tags, without drawing.
#include "engine.h"
#include "generate/request_json.h"
#include "request.h"
#include "text/plain_text.h"
#include "text/prompt_format.h"
#include "text/prompt_from_tags.h"
#include "text/prompt_json.h"
#include "text/prompt_weights.h"

using namespace newbie;

namespace {

GenerateRequest settings_of(const char* settings) {
  return settings == nullptr ? GenerateRequest{} : request_from_json(parse_given(settings, "settings"));
}

PromptTokens count(newbie_engine& engine, const GenerateRequest& r, std::string_view text, const PromptTree& tree) {
  const OpenedModel& model = engine.open->engine.model();
  return count_prompt_tokens(text, tree, *model.gemma_tokenizer, *model.jina_tokenizer,
                             {.routing = r.routing,
                              .system_prompt = r.system_prompt,
                              .max_gemma_tokens = r.max_gemma_tokens,
                              .max_jina_tokens = r.max_jina_tokens});
}

}  // namespace

newbie_status newbie_prompt_lint(newbie_engine* engine, const char* prompt, const char* settings, char** json,
                                 newbie_error** error) {
  return give_json(json, error, [&] {
    require(prompt, "prompt");
    const GenerateRequest r = settings_of(settings);
    CountTokens counts;
    if (engine != nullptr)
      counts = [&](std::string_view text, const PromptTree& tree) { return count(*engine, r, text, tree); };
    return report_json(report_prompt(plain_text(prompt), r.weights, counts));
  });
}

newbie_status newbie_prompt_tokens(newbie_engine* engine, const char* prompt, const char* settings, char** json,
                                   newbie_error** error) {
  return give_json(json, error, [&] {
    newbie_engine& e = require(engine, "engine");
    require(prompt, "prompt");
    const GenerateRequest r = settings_of(settings);
    const std::string plain = plain_text(prompt), text = r.weights ? parse_weights(plain, "prompt").text : plain;
    return tokens_json(count(e, r, text, parse_prompt(text)), true);
  });
}

newbie_status newbie_prompt_format(const char* prompt, int32_t escape, char** text, newbie_error** error) {
  return give_text(text, "text", error, [&] {
    require(prompt, "prompt");
    return format_prompt(plain_text(prompt), {.escape = escape != 0});
  });
}

newbie_status newbie_prompt_from_tags(const char* tags, char** text, newbie_error** error) {
  return give_text(text, "text", error, [&] {
    require(tags, "tags");
    return prompt_from_tags(plain_text(tags));
  });
}
