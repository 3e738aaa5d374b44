// <lora:NAME:…> in texts of other programs, in the forms that a prompt of ours does not know.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generate/recall/said.h"

namespace newbie {

// Whose strength is said first where a tag says two.
enum class TagOrder { ModelFirst, TextEncoderFirst };

// Of both prompts: tags with two strengths or strengths by name, with brackets in their names, and <lyco:…> become
// adapters and leave the prompt. <lora:NAME> and <lora:NAME:0.8> stay, as a prompt of ours has them.
void take_foreign_adapter_tags(Said& said, TagOrder order);

// Of prompts of programs to which a tag is words, as a prompt of ours cannot have it: it is left out, and told.
void leave_out_adapter_tags(Said& said);

// All tags of a text, as ComfyUI's nodes hold it; what a tag says else is told.
struct AdapterInTag {
  std::string name;
  double model = 1;
  std::optional<double> text_encoder;
};
std::vector<AdapterInTag> adapters_in_tags(std::string_view text, TagOrder order, Said& said);

}  // namespace newbie
