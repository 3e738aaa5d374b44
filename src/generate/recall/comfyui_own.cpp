#include "generate/recall/comfyui_own.h"

#include "generate/recall/comfyui_between.h"
#include "generate/recall/comfyui_model.h"
#include "generate/recall/comfyui_rest.h"
#include "generate/recall/comfyui_text.h"

namespace newbie {

namespace {

constexpr const char* kNumberFields[] = {"seed", "width", "height", "batch", "steps", "cfg"};
constexpr const char* kWordFields[] = {"sampler", "schedule", "batch_noise"};

void take_text(ComfyReading& reading, const ComfyNode& node, const char* field) {
  if (const auto text = comfy_text(reading, node, field)) reading.said.take(field, *text, field);
}

}  // namespace

bool is_own_sampler(const ComfyNode& node) { return node.type == "NewbieSample"; }

void take_own_sampler(ComfyReading& reading, const ComfyWay& after) {
  for (const ComfyNode* one : after.between)
    if (!is_neutral(*one)) reading.tell(*one, after_words(*one));
  const ComfyNode& node = *after.end;
  reading.understand(node);
  take_text(reading, node, "prompt");
  take_text(reading, node, "negative_prompt");
  for (const char* field : kNumberFields)
    if (const auto number = reading.number(node, field); number && *number != 0)
      reading.said.take_json(field, *number, field);
  if (const auto seed = reading.number(node, "seed")) reading.said.take_json("seed", *seed, "seed");
  for (const char* field : kWordFields)  // "(the sampler's own)" is none
    if (const std::string word = reading.word(node, field); !word.empty() && !word.starts_with('('))
      reading.said.take(field, word, field);
  reading.plain(node, "preview_every");
  if (reading.graph.behind(node, "image") != nullptr) {
    reading.said.started_from_picture("image");
    reading.take("strength", node, "strength");
  }
  reading.plain(node, "strength");
  take_model(reading, comfy_model(reading, comfy_chain(reading, node, "model"), {}));
}

}  // namespace newbie
