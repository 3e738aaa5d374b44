// /v1/plan: what a request will take, before anything is drawn. /v1/metadata: a picture in, its request out.
#include "compile/precision.h"
#include "generate/plan_json.h"
#include "generate/recall.h"
#include "generate/request_json.h"
#include "http/multipart.h"
#include "own_request.h"
#include "read_picture.h"
#include "routes/all.h"
#include "serve/fitting.h"

namespace newbie {

namespace {

std::string meaning_of(const std::string& precision) {
  for (const PrecisionPresetRow& row : precision_presets())
    if (to_string(row.preset) == precision) return row.meaning;
  return {};
}

void plan(const Call& call) {
  const Submission asked = own_submission(call, call.json());
  OpenModel& model = call.server.model();
  std::unique_ptr<JobEngine> other;
  if (!asked.precision.empty()) other = model.engine->in_precision(asked.precision);
  JobEngine& engine = other ? *other : *model.engine;
  const MemoryPlan made = prepare_or_say_what_fits(engine, asked.request, silent_log(), call.stop)->plan();
  const PictureSize size = engine.final_size(asked.request);
  OrderedJson out = plan_json(made);
  out["budget_bytes"] = made.budget_bytes;
  out["threads"] = model.threads;
  out["precision"] = other ? OrderedJson{{"name", asked.precision}, {"reasons", {meaning_of(asked.precision)}}}
                           : OrderedJson{{"name", model.precision}, {"reasons", model.precision_reasons}};
  out["width"] = size.width;
  out["height"] = size.height;
  const std::optional<double> seconds = model.jobs->seconds_of(work_of(asked.request, size), asked.precision);
  out["seconds"] = seconds ? OrderedJson(*seconds) : OrderedJson(nullptr);
  out["decided_by"] = made.largest_stage().name();
  out["unused"] = unused_fields(asked.request);
  out["warnings"] = asked.notes;
  call.answer(out);
}

// The picture itself, a form with a file in it, or {"image": base64}.
DecodedPicture picture_in(const Call& call) {
  const Request& request = call.request();
  const DecodeLimits& limits = call.server.limits.pictures;
  const std::string_view type = request.header_or("Content-Type", "");
  if (type.starts_with("multipart/form-data")) {
    for (const FormPart& part : parse_form(type, request.body))
      if (!part.file_name.empty() || part.name == "image") return picture_of_bytes("image", part.data, limits);
    refuse("image", "the form has no file");
  }
  if (!type.starts_with("application/json")) return picture_of_bytes("image", request.body, limits);
  const OrderedJson json = call.json();
  if (!json.is_object() || !json.contains("image") || !json["image"].is_string())
    refuse("image", "expected a picture in base64");
  return picture_of_base64("image", json["image"].get_ref<const std::string&>(), limits);
}

// What was read back, as /v1/jobs takes it. Settings of the engine stand apart: a server has its own.
OrderedJson recalled_json(const Recollection& recalled) {
  OrderedJson notes = recalled.notes;
  RecalledFields fields = recalled_fields(recalled, [&](const Error& e) { notes.push_back(e.message()); });
  if (const auto seed = fields.request.find("seed"); seed != fields.request.end() && seed->is_number_unsigned())
    *seed = seed_json(seed->get<uint64_t>());
  return {{"source", recalled.source},         {"request", fields.request}, {"engine", fields.engine}, {"notes", notes},
          {"init_image", recalled.init_image}, {"mask", recalled.mask}};
}

void metadata(const Call& call) {
  const DecodedPicture picture = picture_in(call);
  OrderedJson texts = OrderedJson::array();
  for (const TextChunk& text : picture.texts) texts.push_back({{"key", text.key}, {"text", text.text}});
  OrderedJson out{
      {"width", picture.image.width}, {"height", picture.image.height}, {"texts", texts}, {"recalled", nullptr}};
  if (const std::optional<Recollection> recalled = recall(picture.texts, "the picture"))
    out["recalled"] = recalled_json(*recalled);
  call.answer(out);
}

}  // namespace

const Route plan_route{"POST",
                       "/v1/plan",
                       Dialect::Own,
                       false,
                       plan,
                       "What a request will take, without drawing it",
                       RouteWork::PlansForWaiting};
const Route metadata_route{"POST", "/v1/metadata", Dialect::Own,
                           false,  metadata,       "What a picture says about how it was drawn"};

}  // namespace newbie
