// SwarmUI: {"sui_image_params": {"prompt": …, "cfgscale": 7, …}} where others have the settings text.
#include "generate/json_text.h"
#include "generate/recall/programs.h"
#include "generate/recall/said.h"

namespace newbie {

namespace {

constexpr TheirKey kSwarmKeys[] = {{"prompt", "prompt"},
                                   {"negativeprompt", "negative_prompt"},
                                   {"seed", "seed"},
                                   {"steps", "steps"},
                                   {"cfgscale", "cfg"},
                                   {"sigmashift", "shift"},
                                   {"initimagecreativity", "strength"},
                                   {"refinerupscale", "hires_scale"},
                                   {"refinercontrolpercentage", "hires_strength"},
                                   {"refinersteps", "hires_steps"},
                                   {"width"},
                                   {"height"},
                                   {"aspectratio"},
                                   {"sidelength"},
                                   {"sampler"},
                                   {"scheduler"},
                                   {"loras"},
                                   {"loraweights"},
                                   {"model"},
                                   {"vae"},
                                   {"automaticvae"},
                                   {"images"},
                                   {"imageformat"},
                                   {"colordepth"},
                                   {"nopreviews"},
                                   {"donotsave"},
                                   {"personalnote"},
                                   {"internalbackendtype"},
                                   {"preferreddtype"},
                                   {"wildcardseed"},
                                   {"used_wildcards"},
                                   {"original_prompt"},
                                   {"original_negativeprompt"},
                                   {"swarm_version"},
                                   {"date"},
                                   {"generation_time"}};

// Lists of equal length; a weight may be a text.
void take_swarm_adapters(const OrderedJson& params, Said& said) {
  const auto names = params.find("loras"), weights = params.find("loraweights");
  if (names == params.end() || !names->is_array()) return;
  for (size_t i = 0; i < names->size(); ++i) {
    double weight = 1;
    if (weights != params.end() && weights->is_array() && i < weights->size()) {
      const OrderedJson& one = (*weights)[i];
      if (const auto told = one.is_number() ? one.get<double>() : number_of(text_of(one)))
        weight = *told;
      else
        said.lost("loraweights", text_of(one));
    }
    said.take_adapter(text_of((*names)[i]), weight);
  }
}

}  // namespace

Recollection recall_swarmui(const OrderedJson& json) {
  Said said("SwarmUI");
  const OrderedJson& params = json.at("sui_image_params");
  if (!params.is_object()) return std::move(said).done();
  said.take_members(params, kSwarmKeys);
  said.take_sides(params);
  if (!params.contains("width"))  // of a size that follows from a model's own
    for (const char* part : {"aspectratio", "sidelength"})
      if (const auto at = params.find(part); at != params.end()) said.lost(part, text_of(*at));
  if (const std::string name = string_at(params, "sampler"); !name.empty()) said.take_sampler(name);
  if (const std::string name = string_at(params, "scheduler"); !name.empty()) said.take_schedule(name);
  said.default_schedule("normal");
  take_swarm_adapters(params, said);
  said.brackets_are_weights(false);
  if (said.find("strength") != nullptr) said.started_from_picture("initimagecreativity");
  said.lose_rest(params, kSwarmKeys);
  return std::move(said).done();
}

}  // namespace newbie
