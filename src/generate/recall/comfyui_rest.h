// What is left of a ComfyUI graph when it was read: every node that the picture depends on and that nobody understood
// or told, and every value of an understood one that nobody asked for.
#pragma once

#include "generate/recall/comfyui_reading.h"

namespace newbie {

// A node whose type changes no picture here: loaders of the models, decoders, what saves and shows.
bool is_neutral(const ComfyNode& node);

// Tells them, from the node that saves the picture back.
void tell_rest(ComfyReading& reading, const ComfyNode& saved);

}  // namespace newbie
