// What a ComfyUI graph says of a picture, as far as it can be followed: the sampler node, and what is linked to it.
#pragma once

#include "generate/recall.h"

namespace newbie {

// The graph that ran ("prompt": nodes by id with class_type and inputs).
Recollection recall_comfyui_prompt(std::string_view text, std::string_view where);

// The graph of the editor ("workflow": nodes with widgets_values, and links).
Recollection recall_comfyui_workflow(std::string_view text, std::string_view where);

// Adds a sampler or schedule under our name for it, or a note when we have none.
void take_sampler(const std::string& name, Recollection& out);
void take_schedule(const std::string& name, Recollection& out);

}  // namespace newbie
