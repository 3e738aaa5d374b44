// SwarmUI: {"sui_image_params": {"prompt": …, "cfgscale": 7, …}} where others have the settings text.
#include "generate/json_text.h"
#include "generate/recall/adapter_tags.h"
#include "generate/recall/programs.h"
#include "generate/recall/said.h"
#include "generate/recall/swarm_tags.h"
#include "generate/recall/their_syntax.h"

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
                                   {"refinermethod"},
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
  if (names == params.end() || says_nothing(*names)) return;
  if (!names->is_array()) return said.lost("loras", text_of(*names));
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

// A refiner without a factor is a second pass of the same size, unless it took over in the middle of the first.
void read_refiner(const OrderedJson& params, Said& said) {
  const std::string method = string_at(params, "refinermethod");
  const bool is_pass = method.empty() || method == "PostApply";
  if (!is_pass) said.lost("refinermethod", method);
  if (said.find("hires_scale") != nullptr) return;
  if (is_pass && said.find("hires_strength") != nullptr) return said.take("hires_scale", "1", "refinerupscale");
  for (const char* key : {"refinercontrolpercentage", "refinersteps"})
    if (const auto at = params.find(key); at != params.end()) said.lost(key, text_of(*at));
  for (const char* field : {"hires_strength", "hires_steps"}) said.forget(field);
}

}  // namespace

Recollection recall_swarmui(const OrderedJson& json) {
  Said said("SwarmUI");
  const OrderedJson& params = json.at("sui_image_params");
  if (!params.is_object()) return std::move(said).done();
  said.take_members(params, kSwarmKeys);
  read_refiner(params, said);
  said.take_sides(params);
  if (!params.contains("width"))  // of a size that follows from a model's own
    for (const char* part : {"aspectratio", "sidelength"})
      if (const auto at = params.find(part); at != params.end()) said.lost(part, text_of(*at));
  if (const std::string name = string_at(params, "sampler"); !name.empty()) said.take_sampler(name);
  if (const std::string name = string_at(params, "scheduler"); !name.empty()) said.take_schedule(name);
  said.default_schedule("normal");
  take_swarm_adapters(params, said);
  read_swarm_tags(said);
  take_foreign_adapter_tags(said, TagOrder::ModelFirst);
  tell_syntax(said, SyntaxOf::Others);
  said.rewrite_weights(BracketRule::ComfyUi);  // which it runs
  if (said.find("strength") != nullptr) said.started_from_picture("initimagecreativity");
  said.lose_rest(params, kSwarmKeys);
  return std::move(said).done();
}

}  // namespace newbie
