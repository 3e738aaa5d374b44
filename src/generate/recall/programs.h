// The texts of each program that writes some, one reader a program. Damage is Error{BadFile} opened by `where`; what
// cannot be taken over stands in the notes.
#pragma once

#include <string_view>

#include "core/json.h"
#include "generate/recall.h"

namespace newbie {

// Our own JSON, of this format and the one before.
Recollection recall_own(const OrderedJson& json, std::string_view where);

// "Prompt / Negative prompt: … / Steps: 20, …": A1111, Forge, SD.Next, stable-diffusion.cpp, Fooocus, and ours.
Recollection recall_a1111(std::string_view text);

// The graph that ran ("prompt": nodes by id with class_type and inputs), and that of the editor ("workflow": nodes with
// widgets_values, and links), as far as they can be followed from the sampler that made the picture.
Recollection recall_comfyui_prompt(const OrderedJson& graph, std::string_view where);
Recollection recall_comfyui_workflow(const OrderedJson& graph, std::string_view where);

Recollection recall_swarmui(const OrderedJson& json);       // {"sui_image_params": {…}}
Recollection recall_fooocus(const OrderedJson& json);       // its own scheme
Recollection recall_invokeai(const OrderedJson& json);      // "invokeai_metadata", since 3
Recollection recall_old_invokeai(const OrderedJson& json);  // "sd-metadata", before 3
Recollection recall_novelai(const OrderedJson& json);       // what stands in "Comment"

}  // namespace newbie
