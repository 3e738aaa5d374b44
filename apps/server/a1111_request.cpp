#include "a1111_request.h"

#include <algorithm>

#include "a1111_settings.h"
#include "core/utf8.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "generate/open_adapters.h"
#include "generate/request_json.h"
#include "loose_values.h"
#include "read_picture.h"

namespace newbie {

namespace {

constexpr A1111Name kSamplerNames[] = {
    {"Euler", "euler"},
    {"Euler a", "euler_a"},
    {"Heun", "heun"},
    {"DPM++ 2M", "dpmpp_2m"},
    {"Res Multistep", "res_multistep"},
    {"Automatic", "res_multistep", false},
    {"DPM++ 2M SDE", "dpmpp_2m", false},
    {"DPM++ SDE", "dpmpp_2m", false},
    {"DPM++ 2S a", "euler_a", false},
    {"DPM2", "heun", false},
    {"DPM2 a", "euler_a", false},
    {"LMS", "dpmpp_2m", false},
    {"DDIM", "euler", false},
    {"UniPC", "unipc"},
};

// Empty: the sampler's own.
constexpr A1111Name kScheduleNames[] = {
    {"Automatic", ""},
    {"Simple", "simple"},
    {"Normal", "normal"},
    {"SGM Uniform", "sgm_uniform"},
    {"Beta", "beta"},
    {"Uniform", "normal", false},
    {"Karras", "", false},
    {"Exponential", "", false},
    {"Polyexponential", "", false},
    {"KL Optimal", "", false},
    {"Align Your Steps", "", false},
    {"DDIM", "normal", false},
};

// What stands in requests and asks for nothing that a picture shows, whatever it says.
constexpr std::string_view kMeaningless[] = {"subseed",
                                             "comments",
                                             "do_not_save_samples",
                                             "do_not_save_grid",
                                             "override_settings_restore_afterwards",
                                             "s_tmin",
                                             "s_tmax",
                                             "s_noise",
                                             "sampler_index",
                                             "force_task_id",
                                             "refiner_switch_at",
                                             "image_cfg_scale",
                                             "hr_additional_modules",
                                             "hr_distilled_cfg",
                                             "distilled_cfg_scale",
                                             "user",
                                             "mask_round"};

// What we lack, and the values that ask for none of it.
const OrderedJson& neutral_values() {
  static const OrderedJson values = OrderedJson::parse(R"({
    "styles": [[], [""], ""], "subseed_strength": [0], "restore_faces": [false], "tiling": [false],
    "s_churn": [0], "refiner_checkpoint": ["", "None"], "script_name": ["", "None"],
    "script_args": [[], {}], "alwayson_scripts": [{}, []], "firstpass_image": [""],
    "hr_checkpoint_name": ["", "Use same checkpoint"], "hr_sampler_name": ["", "Use same sampler"],
    "hr_scheduler": ["", "Use same scheduler"], "hr_prompt": [""], "hr_negative_prompt": [""],
    "hr_resize_x": [0], "hr_resize_y": [0], "latent_mask": [""], "initial_noise_multiplier": [1, 0]})");
  return values;
}

// The same for what clients send with everything: other values are told in a note, and drawn without.
const OrderedJson& usual_values() {
  static const OrderedJson values = OrderedJson::parse(R"({
    "clip_skip": [0, 1], "seed_resize_from_h": [0, -1], "seed_resize_from_w": [0, -1], "s_min_uncond": [0],
    "disable_extra_networks": [false], "save_images": [false], "include_init_images": [false], "infotext": [""],
    "firstphase_width": [0], "firstphase_height": [0]})");
  return values;
}

// "7" and "False" are taken for what they say, as everywhere in this interface.
bool is_among(const OrderedJson& values, const OrderedJson& value) {
  return std::ranges::any_of(values, [&](const OrderedJson& one) {
    if (one.is_boolean()) return one == loose_value(FieldKind::Truth, value);
    return one == (one.is_number() ? loose_value(FieldKind::Real, value) : value);
  });
}

// Without spaces and case.
std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != ' ' && c != '_') out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  return out;
}

const A1111Name* find_name(std::span<const A1111Name> names, std::string_view given) {
  for (const A1111Name& name : names)
    if (plain_name(name.theirs) == plain_name(given) || name.ours == given) return &name;
  return nullptr;
}

// Our name for theirs; notes what is not the same.
std::string our_name(std::span<const A1111Name> names, std::string_view field, const std::string& given,
                     std::vector<std::string>& notes) {
  const A1111Name* name = find_name(names, given);
  if (name == nullptr) return given;  // one of ours, or request_from_json() says what there is
  if (!name->is_same)
    notes.push_back(fmt::format("`{}` {} is not known here: {} was used", field, given,
                                name->ours.empty() ? "the sampler's own schedule" : name->ours));
  return std::string(name->ours);
}

std::string shown(const OrderedJson& value) {
  constexpr size_t kLongest = 100;
  return beginning_of(value.is_string() ? value.get_ref<const std::string&>() : one_line(value), kLongest);
}

std::string text_of(const OrderedJson& value, std::string_view field) {
  if (value.is_null()) return "";
  if (!value.is_string()) refuse(field, "expected a text");
  return value.get<std::string>();
}

int64_t whole_of(const OrderedJson& given, std::string_view field, int64_t otherwise) {
  constexpr int64_t kMost = 1000000000;
  if (given.is_null()) return otherwise;
  const OrderedJson value = loose_value(FieldKind::Integer, given);
  if (!value.is_number_integer() || value > kMost || value < -kMost) refuse(field, "expected a whole number");
  return value.get<int64_t>();
}

bool truth_of(const OrderedJson& given, std::string_view field) {
  if (given.is_null()) return false;
  const OrderedJson value = loose_value(FieldKind::Truth, given);
  if (!value.is_boolean()) refuse(field, "expected true or false");
  return value.get<bool>();
}

void move_member(OrderedJson& from, const char* theirs, OrderedJson& to, const char* ours) {
  if (OrderedJson value = take_member(from, theirs); !value.is_null()) to[ours] = std::move(value);
}

// "DPM++ 2M Karras" was one name once: the schedule behind it comes off.
std::string take_schedule_of(std::string& sampler) {
  if (find_name(kSamplerNames, sampler) != nullptr) return {};
  for (const A1111Name& schedule : kScheduleNames) {
    if (sampler.size() <= schedule.theirs.size()) continue;
    const size_t at = sampler.size() - schedule.theirs.size();
    if (plain_name(sampler.substr(at)) != plain_name(schedule.theirs)) continue;
    if (find_name(kSamplerNames, sampler.substr(0, at)) == nullptr) continue;
    sampler.resize(at);
    return std::string(schedule.theirs);
  }
  return {};
}

void take_names(OrderedJson& json, OrderedJson& ours, std::vector<std::string>& notes) {
  std::string sampler = text_of(take_member(json, "sampler_name"), "sampler_name");
  if (sampler.empty() && json.contains("sampler_index") && json["sampler_index"].is_string())
    sampler = json["sampler_index"].get<std::string>();
  std::string schedule = text_of(take_member(json, "scheduler"), "scheduler");
  const std::string behind = take_schedule_of(sampler);
  if (schedule.empty() || plain_name(schedule) == "automatic") schedule = behind;
  if (!sampler.empty()) ours["sampler"] = our_name(kSamplerNames, "sampler_name", sampler, notes);
  if (!schedule.empty()) ours["schedule"] = our_name(kScheduleNames, "scheduler", schedule, notes);
}

// Their adapters stand in the prompt: "1girl <lora:style:0.8>".
void take_prompt(OrderedJson& json, OrderedJson& ours) {
  const PromptAdapters read = take_prompt_adapters(text_of(take_member(json, "prompt"), "prompt"));
  ours["prompt"] = read.prompt;
  for (const AdapterUse& use : read.adapters) ours["loras"].push_back({{"name", use.name}, {"strength", use.strength}});
}

void take_hires(OrderedJson& json, OrderedJson& ours, A1111Kind kind, std::vector<std::string>& notes) {
  const bool enabled = truth_of(take_member(json, "enable_hr"), "enable_hr");
  const OrderedJson scale = take_member(json, "hr_scale"), steps = take_member(json, "hr_second_pass_steps");
  const OrderedJson upscaler = take_member(json, "hr_upscaler"), cfg = take_member(json, "hr_cfg");
  OrderedJson strength = take_member(json, "denoising_strength");
  if (kind == A1111Kind::ImageToImage) {
    if (!strength.is_null()) ours["strength"] = std::move(strength);
    return;
  }
  if (!enabled) return;
  ours["hires_scale"] = scale.is_null() ? OrderedJson(2.0) : scale;
  if (!steps.is_null()) ours["hires_steps"] = steps;
  if (!strength.is_null()) ours["hires_strength"] = std::move(strength);
  if (!upscaler.is_null() && !is_among({"Lanczos", "None", ""}, upscaler))
    notes.push_back(fmt::format("`hr_upscaler` {} is not known here: Lanczos was used", shown(upscaler)));
  const OrderedJson first = ours.contains("cfg") ? ours["cfg"] : OrderedJson(GenerateRequest().cfg);
  if (!cfg.is_null() && !is_among({0, first}, cfg))
    notes.push_back(fmt::format("`hr_cfg` {} is not known here: both passes have `cfg` {}", shown(cfg), shown(first)));
}

// "Just resize", "crop and resize", "resize and fill". Their fourth enlarges in the latent space.
void take_fit(OrderedJson& json, OrderedJson& ours) {
  constexpr std::string_view kFits[] = {"stretch", "crop", "pad"};
  const OrderedJson mode = take_member(json, "resize_mode");
  if (mode.is_null()) return;
  const int64_t number = whole_of(mode, "resize_mode", 0);
  if (number < 0 || number >= std::ssize(kFits)) refuse("resize_mode", "expected 0, 1 or 2");
  ours["init_fit"] = kFits[number];
}

// Blurs along the sides are one number here.
void take_mask_blur(OrderedJson& json, OrderedJson& ours) {
  const OrderedJson x = take_member(json, "mask_blur_x"), y = take_member(json, "mask_blur_y");
  if (!x.is_null() && !y.is_null() && x != y) refuse("mask_blur_y", "expected what mask_blur_x is: they are one here");
  const OrderedJson& blur = x.is_null() ? y : x;
  if (!blur.is_null() && !ours.contains("mask_blur")) ours["mask_blur"] = blur;
}

// How the mask is used. Without one it asks for nothing, and clients send it all the same.
void take_mask(OrderedJson& json, OrderedJson& ours, std::vector<std::string>& notes) {
  OrderedJson asked = OrderedJson::object();
  move_member(json, "mask_blur", asked, "mask_blur");
  take_mask_blur(json, asked);
  move_member(json, "inpaint_full_res_padding", asked, "mask_padding");
  asked["mask_invert"] = truth_of(take_member(json, "inpainting_mask_invert"), "inpainting_mask_invert");
  asked["only_masked"] = truth_of(take_member(json, "inpaint_full_res"), "inpaint_full_res");
  const int64_t fill = whole_of(take_member(json, "inpainting_fill"), "inpainting_fill", 1);
  if (!json.contains("mask")) return;
  ours.update(asked);
  if (fill != 1)
    notes.push_back(fmt::format("`inpainting_fill` {} is not known here: the picture was kept under it", fill));
}

void take_pictures(OrderedJson& json, A1111Request& out, const DecodeLimits& limits) {
  const OrderedJson pictures = take_member(json, "init_images"), mask = take_member(json, "mask");
  if (!pictures.is_array() || pictures.size() != 1 || !pictures[0].is_string())
    refuse("init_images", "expected a list of one picture in base64");
  GenerateRequest& r = out.submission.request;
  r.init_image = picture_of_base64("init_images", pictures[0].get_ref<const std::string&>(), limits).image;
  if (!mask.is_null()) r.mask = picture_of_base64("mask", text_of(mask, "mask"), limits).image;
}

// What A1111 has no name for is said by our own.
void take_our_own(OrderedJson& json, OrderedJson& ours) {
  for (const RequestField& field : request_fields())
    if (const std::string name(field.name); field.kind != FieldKind::Picture && !ours.contains(name))
      move_member(json, name.c_str(), ours, name.c_str());
}

// What is left is neutral, or it is asked for in vain.
void check_rest(const OrderedJson& rest, std::vector<std::string>& notes) {
  for (const auto& [name, value] : rest.items()) {
    if (std::find(std::begin(kMeaningless), std::end(kMeaningless), name) != std::end(kMeaningless)) continue;
    if (const auto usual = usual_values().find(name); usual != usual_values().end()) {
      if (!is_among(*usual, value))
        notes.push_back(fmt::format("`{}` {} is not known here, and changes nothing", name, shown(value)));
      continue;
    }
    const auto neutral = neutral_values().find(name);
    if (neutral == neutral_values().end()) refuse(name, "there is no such field here", nearest_request_field(name));
    if (!is_among(*neutral, value))
      refuse(name, fmt::format("is not known here; {} goes without it", one_line((*neutral)[0])));
  }
}

// A batch is drawn as one: how often times how many.
int64_t pictures_asked_for(OrderedJson& json) {
  int64_t out = 1;
  for (const char* name : {"batch_size", "n_iter"}) {
    const int64_t number = whole_of(take_member(json, name), name, 1);
    if (number < 1 || number > kMaxBatch) refuse(name, fmt::format("expected 1 to {}, got {}", kMaxBatch, number));
    out *= number;
  }
  return out;
}

// No field of A1111's, but some clients name one all the same.
void take_model(const Server& server, const OrderedJson& model, std::vector<std::string>& notes) {
  if (model.is_null() || model == "" || model == server.model().name) return;
  notes.push_back(fmt::format("`model` {} is not here: {} was used", shown(model), server.model().name));
}

OrderedJson without_pictures(OrderedJson json) {
  for (const char* name : {"init_images", "mask"})
    if (json.contains(name)) json[name] = nullptr;
  return json;
}

}  // namespace

std::span<const A1111Name> a1111_samplers() { return kSamplerNames; }
std::span<const A1111Name> a1111_schedules() { return kScheduleNames; }

std::string_view a1111_sampler_name(std::string_view ours) {
  for (const A1111Name& name : kSamplerNames)
    if (name.ours == ours && name.is_same) return name.theirs;
  return ours;
}

A1111Request a1111_request(const Call& call, OrderedJson json, A1111Kind kind) {
  A1111Request out;
  if (json.is_object()) out.parameters = without_pictures(json);
  drop_nulls(json);
  Submission& s = out.submission;
  s.owner = call.owner;
  s.origin = "a1111";
  s.keep_preview = true;
  out.send_images = json.contains("send_images") ? truth_of(take_member(json, "send_images"), "send_images") : true;

  if (json.contains("mask") && json["mask"] == "") json.erase("mask");
  OrderedJson ours = OrderedJson::object();
  take_prompt(json, ours);
  for (const char* name : {"negative_prompt", "width", "height", "steps", "seed", "eta"})
    move_member(json, name, ours, name);
  move_member(json, "cfg_scale", ours, "cfg");
  if (!ours.contains("seed")) ours["seed"] = -1;
  ours["batch"] = pictures_asked_for(json);
  take_names(json, ours, s.notes);
  take_hires(json, ours, kind, s.notes);
  take_fit(json, ours);
  take_mask(json, ours, s.notes);
  if (kind == A1111Kind::TextToImage) ours.erase("init_fit");  // some send it with everything
  take_our_own(json, ours);
  loosen_fields(ours);
  s.request = request_from_json(ours);
  if (kind == A1111Kind::ImageToImage) take_pictures(json, out, call.server.limits.pictures);
  take_overrides(call.server, take_member(json, "override_settings"), s.notes);
  take_model(call.server, take_member(json, "model"), s.notes);
  check_rest(json, s.notes);
  check_prompts(s.request, call.server.limits);
  for (std::string& note : notes_on(call.server.model(), s.request)) s.notes.push_back(std::move(note));
  s.request.preview_every = std::max(1, s.request.steps / 10);  // for `progress`: about ten in all
  return out;
}

}  // namespace newbie
