#include "generate/request_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/edit_distance.h"
#include "generate/request_fields.h"
#include "text/foreign_markup.h"
#include "text/system_prompts.h"

namespace newbie {

namespace {

void note_prompt(const GenerateRequest& r, std::vector<std::string>& out) {
  if (r.prompt.find_first_not_of(" \t\r\n") == std::string::npos)
    out.emplace_back("`prompt` is empty: the picture is of nothing in particular");
}

void note_guidance(const GenerateRequest& r, std::vector<std::string>& out) {
  if (r.cfg != 1 && r.cfg_trunc <= 0)
    out.push_back(fmt::format(
        "guidance acts while t is below `cfg_trunc` {}, which is never: `cfg` and `negative_prompt` do nothing",
        r.cfg_trunc));
  if (!r.sigmas.empty() && r.sigmas.back() > 0)
    out.push_back(fmt::format("`sigmas` end at {}, not at 0: noise is left in the picture", r.sigmas.back()));
}

// One word that is nearly a name.
void note_system_prompt(const GenerateRequest& r, std::vector<std::string>& out) {
  if (!r.system_prompt || r.system_prompt->find_first_of(" \n") != std::string::npos) return;
  constexpr size_t kNear = 2;
  for (const NamedSystemPrompt& known : system_prompts()) {
    if (known.name == *r.system_prompt) return;
    const size_t distance = edit_distance(*r.system_prompt, known.name, Swapped::OneEdit);
    if (distance <= std::min(kNear, known.name.size() / 2))
      return out.push_back(fmt::format("`system_prompt` \"{}\" is no name, so it is itself the text; did you mean {}?",
                                       *r.system_prompt, known.name));
  }
}

void note_mask(const GenerateRequest& r, std::vector<std::string>& out) {
  if (!r.mask) return;
  const auto channels = static_cast<size_t>(r.mask->channels);
  const bool has_alpha = channels == 4;
  bool any_white = false, any_held = false, alpha_differs = false;
  for (size_t i = 0; i + channels <= r.mask->pixels.size(); i += channels) {
    const uint8_t* pixel = &r.mask->pixels[i];
    const uint8_t alpha = has_alpha ? pixel[3] : uint8_t{255};
    any_white |= pixel[0] > 0 && alpha > 0;
    any_held |= pixel[0] < 255 || alpha < 255;
    alpha_differs |= has_alpha && alpha != r.mask->pixels[3];
  }
  if (r.mask_invert) std::swap(any_white, any_held);
  if (r.mask_invert && !any_white)
    return out.push_back("`mask` is white everywhere, and `mask_invert` repaints black: nothing is repainted");
  if (!any_white)
    out.push_back(alpha_differs ? "`mask` is black everywhere, and what its alpha channel says is not read: nothing is "
                                  "repainted"
                                : "`mask` is black everywhere: nothing is repainted");
  if (!any_held) out.push_back("`mask` is white everywhere: all of the picture is repainted, as without it");
}

void note_markup(const char* field, const std::string& text, bool weights, std::vector<std::string>& out) {
  for (const ForeignMarkup& found : foreign_markup(text, weights))
    out.push_back(fmt::format("`{}`: {} {}", field, found.text, found.words));
}

}  // namespace

std::vector<std::string> request_notes(const GenerateRequest& r) {
  std::vector<std::string> out = unused_fields(r);
  note_prompt(r, out);
  note_guidance(r, out);
  note_system_prompt(r, out);
  note_mask(r, out);
  note_markup("prompt", r.prompt, r.weights, out);
  note_markup("negative_prompt", r.negative_prompt, r.weights, out);
  return out;
}

}  // namespace newbie
