#include "text/routing.h"

namespace newbie {

std::span<const Named<Routing>> routings() {
  static constexpr Named<Routing> kRoutings[] = {{Routing::Official, "official"}, {Routing::ComfyUi, "comfyui"}};
  return kRoutings;
}

EncoderTexts route_prompt(std::string_view prompt, std::string_view system_prompt, Routing routing) {
  const std::string whole = std::string(system_prompt).append(prompt);
  return {whole, routing == Routing::Official ? std::string(prompt) : whole};
}

EncoderTexts route_negative_prompt(std::string_view prompt, std::string_view system_prompt, Routing routing) {
  return prompt.empty() ? EncoderTexts{} : route_prompt(prompt, system_prompt, routing);
}

}  // namespace newbie
