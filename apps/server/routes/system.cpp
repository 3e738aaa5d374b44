// What the server is, whether it is there and ready, and the page.
#include "a1111_request.h"
#include "adapter_names.h"
#include "compile/precision.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "generate/request_json.h"
#include "metrics.h"
#include "openapi.h"
#include "quick_answers.h"
#include "routes/all.h"
#include "serve/picture_kind.h"
#include "static_files.h"

namespace newbie {

namespace {

void health(const Call& call) { call.answer(health_answer()); }
void ready(const Call& call) { call.answer(ready_answer(call.server)); }

void metrics(const Call& call) {
  if (!call.server.metrics_on)
    return call.answer(
        error_answer(404, Error(ErrorKind::InvalidRequest, "no metrics here", "start newbie serve with --metrics")));
  call.answer(metrics_answer(call.server));
}

void openapi(const Call& call) { call.answer(openapi_document()); }

template <typename Names>
OrderedJson names_of(const Names& names) {
  OrderedJson out = OrderedJson::array();
  for (const auto& one : names) out.push_back({{"name", one.name}, {"summary", one.summary}});
  return out;
}

OrderedJson sampler_list() {
  OrderedJson out = OrderedJson::array();
  for (const Sampler* sampler : samplers())
    out.push_back(
        {{"name", sampler->name}, {"summary", sampler->summary}, {"default_schedule", sampler->default_schedule}});
  return out;
}

// What a job may ask for instead.
OrderedJson precision_list() {
  OrderedJson out = OrderedJson::array();
  for (const PrecisionPresetRow& row : precision_presets())
    if (row.preset != PrecisionPreset::Auto) out.push_back({{"name", row.name}, {"summary", row.meaning}});
  return out;
}

OrderedJson lora_names(const OpenModel& model) {
  OrderedJson out = OrderedJson::array();
  for (const AdapterName& one : adapter_names(model.adapters)) out.push_back(one.name);
  return out;
}

void capabilities(const Call& call) {
  const OpenModel& model = call.server.model();
  OrderedJson formats = OrderedJson::array();
  for (const PictureKind& kind : kPictureKinds)
    formats.push_back({{"name", kind.name}, {"media_type", kind.media_type}});
  const ServerLimits& limits = call.server.limits;
  call.answer({{"version", NEWBIE_VERSION},
               {"model", model.name},
               {"width", model.default_size.width},
               {"height", model.default_size.height},
               {"threads", model.threads},
               {"memory_budget_bytes", model.memory_budget_bytes},
               {"precision",
                {{"name", model.precision}, {"preset", model.precision_preset}, {"reasons", model.precision_reasons}}},
               {"precisions", precision_list()},
               {"loras", lora_names(model)},
               {"samplers", sampler_list()},
               {"schedules", names_of(schedules())},
               {"output_formats", formats},
               {"fields", describe_request_fields()},
               {"limits",
                {{"body_bytes", limits.body_bytes},
                 {"prompt_bytes", limits.prompt_bytes},
                 {"picture_side", limits.pictures.max_side},
                 {"picture_pixels", limits.pictures.max_pixels}}},
               {"needs_key", !call.server.keys()->empty()}});
}

void page(const Call& call) { call.answer(static_file("index.html")); }
void asset(const Call& call) { call.answer(static_file("assets/" + call.arguments[0])); }

}  // namespace

const Route health_route{"GET", "/health", Dialect::Own, true, health, "The process is there"};
const Route ready_route{"GET", "/ready", Dialect::Own, true, ready, "The model is open, and new jobs are taken"};
const Route metrics_route{"GET", "/metrics", Dialect::Own, false, metrics, "Numbers for Prometheus"};
const Route openapi_route{"GET", "/openapi.json", Dialect::Own, true, openapi, "This document"};
const Route capabilities_route{"GET", "/v1/capabilities", Dialect::Own,
                               false, capabilities,       "The model, what a request may say, and limits"};
const Route page_route{"GET", "/", Dialect::Own, true, page, "The page"};
const Route asset_route{"GET", "/assets/{name}", Dialect::Own, true, asset, "A file of the page"};

}  // namespace newbie
