#include "generate/picture_facts.h"

namespace newbie {

PictureFacts picture_facts(const Engine& engine, const PreparedRequest& p, int picture) {
  return {.size = p.first().size,
          .final_size = p.final_size(),
          .seed = p.seed_of(picture),
          .index = picture,
          .system_prompt = p.system_prompt,
          .schedule = p.first().noise.schedule,
          .precision = engine.resolution,
          .device = engine.runtime.device ? engine.runtime.backend->version() : std::string(),
          .guard_events = {},
          .parts = engine.model.fingerprints(),
          .evaluations = 0,
          .steps = 0,
          .estimated_distance = {}};
}

}  // namespace newbie
