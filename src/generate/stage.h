// What a run is made of: its stages and the networks they run, each with one name for people, plans and logs.
#pragma once

#include <optional>
#include <string_view>

namespace newbie {

// In the order of a run.
enum class StageKind {
  Plan,       // what is done before anything is allocated
  Picture,    // the picture to start from becomes a latent
  Gemma,      // prompts become features
  Jina,       // prompts become one vector each
  Context,    // the transformer's caption refiner, once a prompt
  FirstPass,  // the first pass, from noise to a latent
  Enlarge,    // before a second pass: a latent becomes a picture
  Encode,     // and, enlarged, a latent again
  HiresPass,  // the second pass
  Decode,     // the latent becomes the picture
  Save,       // the caller gets it
};
std::string_view to_string(StageKind stage);  // "plan", "picture", "gemma", …
std::optional<StageKind> find_stage(std::string_view name);

}  // namespace newbie
