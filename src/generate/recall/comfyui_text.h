// Texts of a ComfyUI graph: what stands behind an input, put together by the nodes between.
#pragma once

#include "generate/recall/comfyui_reading.h"

namespace newbie {

// The text of an input. A node that changes texts in a way that is not known is told, and what it was given is taken.
// Nothing when there is no text.
std::optional<std::string> comfy_text(ComfyReading& reading, const ComfyNode& node, std::string_view key);

// The first of these inputs that has a text.
std::optional<std::string> comfy_text_of_any(ComfyReading& reading, const ComfyNode& node,
                                             std::span<const std::string_view> keys);

}  // namespace newbie
