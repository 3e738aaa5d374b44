#include "text/system_prompts.h"

#include "text/prompt_tags.h"

namespace newbie {
namespace {

// `xml` and `tags` end in one space: the training scripts do.
constexpr NamedSystemPrompt kSystemPrompts[] = {
    {"xml",
     "You are an assistant designed to generate high-quality anime images based on xml format prompts. <Prompt Start> ",
     "training data with structured prompts"},
    {"tags",
     "You are an assistant designed to generate high-quality anime images with the highest degree of image-text "
     "alignment based on textual prompts. <Prompt Start> ",
     "training data with tags or sentences"},
    {"comfy",
     "You are an assistant designed to generate high-quality anime images with the highest degree of image-text "
     "alignment based on xml format textual prompts. <Prompt Start>\n",
     "the Comfy-Org workflow"},
    {"demo-alignment",
     "You are an assistant designed to generate high-quality images with the highest degree of image-text alignment "
     "based on textual prompts.",
     "the official demo, first choice"},
    {"demo-user", "You are an assistant designed to generate high-quality images based on user prompts.",
     "the official demo, its default"},
    {"demo-superior",
     "You are an assistant designed to generate superior images with the superior degree of image-text alignment "
     "based on textual prompts or user prompts.",
     "the official demo, third choice"},
    {"none", "", "the prompt alone"},
};

SystemPrompt by_name(std::string_view name) {
  for (const NamedSystemPrompt& known : kSystemPrompts) {
    if (known.name == name) return {std::string(known.name), std::string(known.text)};
  }
  return {"custom", std::string(name)};
}

}  // namespace

std::span<const NamedSystemPrompt> system_prompts() { return kSystemPrompts; }

SystemPrompt resolve_system_prompt(const std::optional<std::string>& name_or_text, std::string_view prompt) {
  if (!name_or_text) return by_name(has_known_tag(prompt) ? "xml" : "tags");
  return by_name(name_or_text->empty() ? "none" : std::string_view(*name_or_text));
}

}  // namespace newbie
