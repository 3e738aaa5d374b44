#include "a1111_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "generate/open_adapters.h"
#include "generate/request_json.h"
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

// What stands in requests and changes nothing here, whatever it says.
constexpr std::string_view kIgnored[] = {"subseed",
                                         "comments",
                                         "disable_extra_networks",
                                         "do_not_save_samples",
                                         "do_not_save_grid",
                                         "save_images",
                                         "override_settings_restore_afterwards",
                                         "override_settings",
                                         "s_min_uncond",
                                         "s_tmin",
                                         "s_tmax",
                                         "s_noise",
                                         "sampler_index",
                                         "force_task_id",
                                         "infotext",
                                         "refiner_switch_at",
                                         "hr_upscaler",
                                         "firstphase_width",
                                         "firstphase_height",
                                         "include_init_images",
                                         "image_cfg_scale",
                                         "hr_additional_modules",
                                         "hr_cfg",
                                         "hr_distilled_cfg",
                                         "distilled_cfg_scale",
                                         "user",
                                         "model",
                                         "clip_skip",
                                         "mask_round",
                                         "seed_resize_from_h",
                                         "seed_resize_from_w"};

// What we lack, and the values that ask for none of it.
const OrderedJson& neutral_values() {
  static const OrderedJson values = OrderedJson::parse(R"({
    "styles": [null, []], "subseed_strength": [0, null], "restore_faces": [false, null], "tiling": [false, null],
    "s_churn": [0, null], "refiner_checkpoint": [null, "", "None"], "script_name": [null, "", "None"],
    "script_args": [[], null], "alwayson_scripts": [{}, null], "firstpass_image": [null],
    "hr_checkpoint_name": [null, "", "Use same checkpoint"], "hr_sampler_name": [null, "", "Use same sampler"],
    "hr_scheduler": [null, "", "Use same scheduler"], "hr_prompt": [null, ""], "hr_negative_prompt": [null, ""],
    "hr_resize_x": [0, null], "hr_resize_y": [0, null], "latent_mask": [null],
    "initial_noise_multiplier": [null, 0, 1]})");
  return values;
}

// Without spaces and case, and without a schedule behind it: "DPM++ 2M Karras" was one name once.
std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != ' ' && c != '_') out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  if (out.size() > 6 && out.ends_with("karras")) out.resize(out.size() - 6);
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
    notes.push_back(fmt::format("{} {} is not known here: {} was used", field, given,
                                name->ours.empty() ? "the sampler's own schedule" : name->ours));
  return std::string(name->ours);
}

std::string text_of(const OrderedJson& value, std::string_view field) {
  if (value.is_null()) return "";
  if (!value.is_string()) refuse(field, "expected a text");
  return value.get<std::string>();
}

int64_t whole_of(const OrderedJson& value, std::string_view field, int64_t otherwise) {
  if (value.is_null()) return otherwise;
  if (!value.is_number() || value.get<double>() != std::floor(value.get<double>()) ||
      std::abs(value.get<double>()) > 1e9)
    refuse(field, "expected a whole number");
  return value.get<int64_t>();
}

bool truth_of(const OrderedJson& value, std::string_view field) {
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  return whole_of(value, field, 0) != 0;
}

void move_member(OrderedJson& from, const char* theirs, OrderedJson& to, const char* ours) {
  if (OrderedJson value = take_member(from, theirs); !value.is_null()) to[ours] = std::move(value);
}

void take_names(OrderedJson& json, OrderedJson& ours, std::vector<std::string>& notes) {
  std::string sampler = text_of(take_member(json, "sampler_name"), "sampler_name");
  if (sampler.empty() && json.contains("sampler_index") && json["sampler_index"].is_string())
    sampler = json["sampler_index"].get<std::string>();
  const std::string schedule = text_of(take_member(json, "scheduler"), "scheduler");
  if (!sampler.empty()) ours["sampler"] = our_name(kSamplerNames, "sampler_name", sampler, notes);
  if (!schedule.empty()) ours["schedule"] = our_name(kScheduleNames, "scheduler", schedule, notes);
}

// Their adapters stand in the prompt: "1girl <lora:style:0.8>".
void take_prompt(OrderedJson& json, OrderedJson& ours) {
  const PromptAdapters read = take_prompt_adapters(text_of(take_member(json, "prompt"), "prompt"));
  ours["prompt"] = read.prompt;
  for (const AdapterUse& use : read.adapters) ours["loras"].push_back({{"name", use.name}, {"strength", use.strength}});
}

void take_hires(OrderedJson& json, OrderedJson& ours, A1111Kind kind) {
  const bool enabled = truth_of(take_member(json, "enable_hr"), "enable_hr");
  const OrderedJson scale = take_member(json, "hr_scale"), steps = take_member(json, "hr_second_pass_steps");
  OrderedJson strength = take_member(json, "denoising_strength");
  if (kind == A1111Kind::ImageToImage) {
    if (!strength.is_null()) ours["strength"] = std::move(strength);
    return;
  }
  if (!enabled) return;
  ours["hires_scale"] = scale.is_null() ? OrderedJson(2.0) : scale;
  if (!steps.is_null()) ours["hires_steps"] = steps;
  if (!strength.is_null()) ours["hires_strength"] = std::move(strength);
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
  if (!json.contains("mask") || json["mask"].is_null()) return;
  ours.update(asked);
  if (fill != 1)
    notes.push_back(fmt::format("inpainting_fill {} is not known here: the picture was kept under it", fill));
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
void check_rest(const OrderedJson& rest) {
  for (const auto& [name, value] : rest.items()) {
    if (std::find(std::begin(kIgnored), std::end(kIgnored), name) != std::end(kIgnored)) continue;
    const auto neutral = neutral_values().find(name);
    if (neutral == neutral_values().end()) refuse(name, "there is no such field here");
    if (std::find(neutral->begin(), neutral->end(), value) == neutral->end())
      refuse(name, fmt::format("is not known here; {} goes without it", one_line((*neutral)[0])));
  }
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
  if (!json.is_object()) refuse("", "expected an object");
  A1111Request out;
  out.parameters = without_pictures(json);
  Submission& s = out.submission;
  s.owner = call.owner;
  s.origin = "a1111";
  s.keep_preview = true;
  out.send_images = json.contains("send_images") ? truth_of(take_member(json, "send_images"), "send_images") : true;

  OrderedJson ours = OrderedJson::object();
  take_prompt(json, ours);
  for (const char* name : {"negative_prompt", "width", "height", "steps", "seed", "eta"})
    move_member(json, name, ours, name);
  move_member(json, "cfg_scale", ours, "cfg");
  read_seed(ours);
  if (!ours.contains("seed")) ours["seed"] = -1;
  ours["batch"] =
      whole_of(take_member(json, "batch_size"), "batch_size", 1) * whole_of(take_member(json, "n_iter"), "n_iter", 1);
  take_names(json, ours, out.notes);
  take_hires(json, ours, kind);
  take_fit(json, ours);
  take_mask(json, ours, out.notes);
  if (kind == A1111Kind::TextToImage) ours.erase("init_fit");  // some send it with everything
  take_our_own(json, ours);
  s.request = request_from_json(ours);
  if (kind == A1111Kind::ImageToImage) take_pictures(json, out, call.server.limits.pictures);
  check_rest(json);
  check_prompts(s.request, call.server.limits);
  s.request.preview_every = std::max(1, s.request.steps / 10);  // for `progress`: about ten in all
  return out;
}

}  // namespace newbie
