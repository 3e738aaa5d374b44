// /sdapi/v1: what AUTOMATIC1111's clients ask before they draw. What we have none of is an empty list, which keeps them
// going.
#include "a1111_request.h"
#include "a1111_settings.h"
#include "adapter_names.h"
#include "core/machine.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "read_picture.h"
#include "routes/all.h"

namespace newbie {

namespace {

std::string title_of(const Call& call) { return call.server.is_open() ? call.server.model().name : std::string(); }

void get_options(const Call& call) { call.answer(a1111_settings(call.server)); }

// All of them come back from some clients. One model is open; what else they say is theirs.
void set_options(const Call& call) {
  const OrderedJson json = call.json();
  if (!json.is_object()) refuse("", "expected an object");
  check_checkpoint(call.server, json);
  call.answer(OrderedJson(nullptr));
}

void samplers_list(const Call& call) {
  OrderedJson out = OrderedJson::array();
  for (const Sampler* sampler : samplers())
    out.push_back({{"name", a1111_sampler_name(sampler->name)},
                   {"aliases", OrderedJson::array({sampler->name})},
                   {"options", OrderedJson::object()}});
  call.answer(out);
}

void schedulers_list(const Call& call) {
  OrderedJson out = OrderedJson::array();
  const auto add = [&](std::string_view name, std::string_view label) {
    out.push_back(
        {{"name", name}, {"label", label}, {"aliases", nullptr}, {"default_rho", -1}, {"need_inner_model", false}});
  };
  add("automatic", "Automatic");
  for (const Schedule& schedule : schedules()) add(schedule.name, schedule.name);
  call.answer(out);
}

void models_list(const Call& call) {
  const std::string title = title_of(call);
  call.answer(OrderedJson::array({{{"title", title},
                                   {"model_name", title},
                                   {"hash", nullptr},
                                   {"sha256", nullptr},
                                   {"filename", title},
                                   {"config", nullptr}}}));
}

void loras_list(const Call& call) {
  OrderedJson out = OrderedJson::array();
  if (call.server.is_open())
    for (const AdapterName& one : adapter_names(call.server.model().adapters))
      out.push_back({{"name", one.name}, {"alias", one.name}, {"path", one.file}, {"metadata", OrderedJson::object()}});
  call.answer(out);
}

void upscalers_list(const Call& call) {
  call.answer(OrderedJson::array(
      {{{"name", "Lanczos"}, {"model_name", nullptr}, {"model_path", nullptr}, {"model_url", nullptr}, {"scale", 4}}}));
}

void nothing(const Call& call) { call.answer(OrderedJson::array()); }
void empty_object(const Call& call) { call.answer(OrderedJson::object()); }
void no_embeddings(const Call& call) {
  call.answer({{"loaded", OrderedJson::object()}, {"skipped", OrderedJson::object()}});
}
void no_scripts(const Call& call) {
  call.answer({{"txt2img", OrderedJson::array()}, {"img2img", OrderedJson::array()}});
}

// What would have to be another engine.
void not_here(const Call& call) {
  throw Error(ErrorKind::Unsupported, fmt::format("{} is not known here", call.request().path),
              "one model is open as long as newbie serve runs, and pictures are enlarged by enable_hr");
}

void memory(const Call& call) {
  const size_t used = resident_bytes(), free = available_memory_bytes();
  call.answer({{"ram", {{"free", free}, {"used", used}, {"total", used + free}}}, {"cuda", OrderedJson::object()}});
}

void png_info(const Call& call) {
  const OrderedJson json = call.json();
  if (!json.is_object() || !json.contains("image") || !json["image"].is_string())
    refuse("image", "expected a picture in base64");
  const DecodedPicture picture =
      picture_of_base64("image", json["image"].get_ref<const std::string&>(), call.server.limits.pictures);
  OrderedJson items = OrderedJson::object();
  std::string info;
  for (const TextChunk& text : picture.texts) {
    items[text.key] = text.text;
    if (text.key == "parameters") info = text.text;
  }
  call.answer({{"info", info}, {"items", items}, {"parameters", OrderedJson::object()}});
}

}  // namespace

const Route a1111_get_options_route{"GET", "/sdapi/v1/options", Dialect::A1111,
                                    false, get_options,         "What is set (A1111)"};
const Route a1111_set_options_route{"POST", "/sdapi/v1/options", Dialect::A1111,
                                    false,  set_options,         "Accepted; another model is refused (A1111)"};
const Route a1111_samplers_route{"GET", "/sdapi/v1/samplers", Dialect::A1111, false, samplers_list, "Samplers (A1111)"};
const Route a1111_schedulers_route{"GET", "/sdapi/v1/schedulers", Dialect::A1111,
                                   false, schedulers_list,        "Schedules (A1111)"};
const Route a1111_models_route{"GET", "/sdapi/v1/sd-models", Dialect::A1111,
                               false, models_list,           "The model that is open (A1111)"};
const Route a1111_vae_route{"GET", "/sdapi/v1/sd-vae", Dialect::A1111, false, nothing, "None (A1111)"};
const Route a1111_modules_route{"GET", "/sdapi/v1/sd-modules", Dialect::A1111, false, nothing, "None (A1111)"};
const Route a1111_loras_route{"GET", "/sdapi/v1/loras", Dialect::A1111, false, loras_list, "Names of LoRA (A1111)"};
const Route a1111_upscalers_route{"GET", "/sdapi/v1/upscalers", Dialect::A1111,
                                  false, upscalers_list,        "What a second pass enlarges with (A1111)"};
const Route a1111_latent_upscale_modes_route{
    "GET", "/sdapi/v1/latent-upscale-modes", Dialect::A1111, false, nothing, "None (A1111)"};
const Route a1111_embeddings_route{"GET", "/sdapi/v1/embeddings", Dialect::A1111, false, no_embeddings, "None (A1111)"};
const Route a1111_hypernetworks_route{"GET", "/sdapi/v1/hypernetworks", Dialect::A1111, false, nothing, "None (A1111)"};
const Route a1111_face_restorers_route{"GET",         "/sdapi/v1/face-restorers", Dialect::A1111, false, nothing,
                                       "None (A1111)"};
const Route a1111_styles_route{"GET", "/sdapi/v1/prompt-styles", Dialect::A1111, false, nothing, "None (A1111)"};
const Route a1111_scripts_route{"GET", "/sdapi/v1/scripts", Dialect::A1111, false, no_scripts, "None (A1111)"};
const Route a1111_script_info_route{"GET", "/sdapi/v1/script-info", Dialect::A1111, false, nothing, "None (A1111)"};
const Route a1111_cmd_flags_route{"GET", "/sdapi/v1/cmd-flags", Dialect::A1111,
                                  false, empty_object,          "None are told (A1111)"};
const Route a1111_memory_route{
    "GET", "/sdapi/v1/memory", Dialect::A1111, false, memory, "Memory of this machine (A1111)"};
const Route a1111_png_info_route{"POST",   "/sdapi/v1/png-info",         Dialect::A1111, false,
                                 png_info, "What a picture says (A1111)"};
const Route a1111_refresh_route{"POST",       "/sdapi/v1/refresh-checkpoints", Dialect::A1111, false,
                                empty_object, "Nothing changes (A1111)"};
const Route a1111_refresh_loras_route{"POST",         "/sdapi/v1/refresh-loras",
                                      Dialect::A1111, false,
                                      empty_object,   "They are looked for anew each time (A1111)"};
const Route a1111_refresh_vae_route{"POST",       "/sdapi/v1/refresh-vae",  Dialect::A1111, false,
                                    empty_object, "Nothing changes (A1111)"};
const Route a1111_unload_route{"POST",   "/sdapi/v1/unload-checkpoint",          Dialect::A1111, false,
                               not_here, "Refused: the model stays open (A1111)"};
const Route a1111_reload_route{"POST",   "/sdapi/v1/reload-checkpoint",          Dialect::A1111, false,
                               not_here, "Refused: the model stays open (A1111)"};
const Route a1111_extra_image_route{"POST",   "/sdapi/v1/extra-single-image",         Dialect::A1111, false,
                                    not_here, "Refused: there is no upscaler (A1111)"};
const Route a1111_extra_images_route{"POST",   "/sdapi/v1/extra-batch-images",         Dialect::A1111, false,
                                     not_here, "Refused: there is no upscaler (A1111)"};
const Route a1111_ping_route{"GET", "/internal/ping", Dialect::A1111, true, empty_object, "Is anybody there (A1111)"};

}  // namespace newbie
