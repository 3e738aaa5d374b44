// What a ComfyUI graph says of a picture: the way back from what was saved (comfyui_way.h), what drew it
// (comfyui_passes.h), and what nobody understood (comfyui_rest.h).
#include "generate/recall/comfyui_own.h"
#include "generate/recall/comfyui_passes.h"
#include "generate/recall/comfyui_rest.h"
#include "generate/recall/programs.h"

namespace newbie {

namespace {

Recollection recall_graph(const ComfyGraph& graph, std::string source, std::string_view where) {
  ComfyReading reading(graph, std::move(source));
  const ComfyWays ways(reading);
  const ComfyNode* saved = ways.saved();
  ComfyWay after;
  if (saved != nullptr && is_sampler(*saved))
    after.end = saved;
  else if (saved != nullptr)
    after = ways.from(*saved);
  if (after.end == nullptr || !is_sampler(*after.end))
    reading.said.note(fmt::format("{}: the ComfyUI graph has no sampler with a prompt", where));
  else if (is_own_sampler(*after.end))
    take_own_sampler(reading, after);
  else
    take_passes(reading, comfy_passes(reading, ways, *after.end), after);
  if (saved != nullptr) tell_rest(reading, *saved);
  return std::move(reading.said).done();
}

}  // namespace

Recollection recall_comfyui_prompt(const OrderedJson& json, std::string_view where) {
  return recall_graph(ComfyGraph::of_prompt(json), "prompt", where);
}

Recollection recall_comfyui_workflow(const OrderedJson& json, std::string_view where) {
  return recall_graph(ComfyGraph::of_workflow(json), "workflow", where);
}

}  // namespace newbie
