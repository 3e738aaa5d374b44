// Fooocus' own scheme: JSON with sizes and lists written as Python prints them. (Its other scheme is A1111's text.)
#include "generate/json_text.h"
#include "generate/recall/programs.h"
#include "generate/recall/said.h"
#include "generate/recall/their_syntax.h"

namespace newbie {

namespace {

// `full_prompt` and `full_negative_prompt` are what the styles made of the prompts: they are taken where they stand.
constexpr TheirKey kFooocusKeys[] = {{"prompt", "prompt"},
                                     {"negative_prompt", "negative_prompt"},
                                     {"seed", "seed"},
                                     {"steps", "steps"},
                                     {"guidance_scale", "cfg"},
                                     {"full_prompt"},
                                     {"full_negative_prompt"},
                                     {"resolution"},
                                     {"sampler"},
                                     {"scheduler"},
                                     {"loras"},
                                     {"base_model"},
                                     {"base_model_hash"},
                                     {"vae"},
                                     {"metadata_scheme"},
                                     {"created_by"},
                                     {"version"}};

// ["name", 0.5, "hash"] in a list; single adapters are "lora_combined_1": "name : 0.5".
void take_fooocus_adapters(const OrderedJson& json, Said& said) {
  if (const auto loras = json.find("loras"); loras != json.end() && !says_nothing(*loras)) {
    for (const OrderedJson& one : *loras) {
      const bool is_pair = one.is_array() && one.size() >= 2 && one[0].is_string();
      if (const auto strength = is_pair ? number_of(text_of(one[1])) : std::nullopt)
        said.take_adapter(one[0].get<std::string>(), *strength);
      else
        said.lost("loras", text_of(one));
    }
  }
  for (const auto& [key, value] : json.items()) {
    if (!key.starts_with("lora_combined_") || !value.is_string()) continue;
    const auto& words = value.get_ref<const std::string&>();
    const size_t colon = words.rfind(" : ");
    const auto strength = colon == words.npos ? std::nullopt : number_of(words.substr(colon + 3));
    if (strength)
      said.take_adapter(words.substr(0, colon), *strength);
    else
      said.lost(key, words);
  }
}

// What `full_prompt` holds already, and values that say what `steps` says.
bool is_said_elsewhere(std::string_view key, const OrderedJson& value, const OrderedJson& json) {
  if (key == "styles" || key == "prompt_expansion") return json.contains("full_prompt");
  if (key == "performance") return value == "Speed" || value == "Quality";  // others have an adapter of their own
  return key == "clip_skip" && value == 1;
}

// Lists of pieces, the first of which holds the prompt.
std::string joined_pieces(const OrderedJson& json, const char* key) {
  std::string out;
  if (const auto pieces = json.find(key); pieces != json.end() && pieces->is_array())
    for (const OrderedJson& piece : *pieces)
      if (piece.is_string() && !piece.get_ref<const std::string&>().empty())
        out += (out.empty() ? "" : ", ") + piece.get<std::string>();
  return out;
}

}  // namespace

Recollection recall_fooocus(const OrderedJson& json) {
  Said said("Fooocus");
  if (const std::string whole = joined_pieces(json, "full_prompt"); !whole.empty())
    said.take("prompt", whole, "full_prompt");
  if (const std::string whole = joined_pieces(json, "full_negative_prompt"); !whole.empty())
    said.take("negative_prompt", whole, "full_negative_prompt");
  said.take_members(json, kFooocusKeys);
  if (const std::string size = string_at(json, "resolution"); !size.empty()) said.take_size(size);
  if (const std::string name = string_at(json, "sampler"); !name.empty()) said.take_sampler(name);
  if (const std::string name = string_at(json, "scheduler"); !name.empty()) said.take_schedule(name);
  said.default_schedule("normal");
  take_fooocus_adapters(json, said);
  tell_syntax(said, SyntaxOf::Others);
  said.rewrite_weights(BracketRule::ComfyUi);  // its text encoders are ComfyUI's
  OrderedJson rest = OrderedJson::object();
  for (const auto& [key, value] : json.items())
    if (!key.starts_with("lora_combined_") && !is_said_elsewhere(key, value, json)) rest[key] = value;
  said.lose_rest(rest, kFooocusKeys);
  return std::move(said).done();
}

}  // namespace newbie
