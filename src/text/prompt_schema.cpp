#include "text/prompt_schema.h"

#include "text/prompt_tags.h"

namespace newbie {
namespace {

OrderedJson fields_of(TagPlace place) {
  OrderedJson properties = OrderedJson::object(), required = OrderedJson::array();
  for (const PromptTag& tag : prompt_tags()) {
    if (tag.place != place || !tag.variant_of.empty()) continue;
    properties[std::string(tag.name)] = {{"type", "string"}, {"description", tag.about}};
    if (tag.required) required.push_back(tag.name);
  }
  OrderedJson out{{"type", "object"}, {"properties", properties}};
  if (!required.empty()) out["required"] = required;
  out["additionalProperties"] = false;
  return out;
}

}  // namespace

OrderedJson prompt_schema() {
  OrderedJson general = fields_of(TagPlace::General);
  general["description"] = "the picture as a whole";
  OrderedJson character = fields_of(TagPlace::Character);
  character["description"] = "one person; numbers start at 1 and leave no gap";
  OrderedJson properties;
  properties[std::string(kGeneralTags)] = general;
  for (const PromptTag& tag : prompt_tags())
    if (tag.place == TagPlace::Top)
      properties[std::string(tag.name)] = {{"type", "string"}, {"description", tag.about}};
  OrderedJson out;
  out["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  out["title"] = "NewBie structured prompt";
  out["description"] =
      "Each member is an element <name>…</name>. Written in this order: characters by number, general_tags, caption; a "
      "blank line between blocks, a field a line.";
  out["type"] = "object";
  out["patternProperties"] = {{"^character_[1-9][0-9]{0,8}$", character}};
  out["properties"] = properties;
  out["additionalProperties"] = false;
  return out;
}

}  // namespace newbie
