// /v1/images: OpenAI's way to ask for pictures. The client waits; if it goes, its work goes, too.
#include "client_words.h"
#include "generate/quality.h"
#include "http/multipart.h"
#include "job_json.h"
#include "openai_request.h"
#include "routes/all.h"
#include "serve/picture_kind.h"
#include "text/base64.h"
#include "wait_for_job.h"

namespace newbie {

namespace {

constexpr int64_t kPixelsAToken = 16;  // on a side: what the transformer sees as one

// What the pictures of a job took, in the words of OpenAI's bill.
OrderedJson usage_json(const JobView& job, int64_t text_tokens) {
  int64_t drawn = 0;
  for (const JobPicture& p : job.pictures) drawn += (p.width / kPixelsAToken) * (p.height / kPixelsAToken);
  return {{"input_tokens", text_tokens},
          {"input_tokens_details", {{"image_tokens", 0}, {"text_tokens", text_tokens}}},
          {"output_tokens", drawn},
          {"total_tokens", text_tokens + drawn}};
}

// What the encoder of the prompt reads; 0 where its text is none, which drawing will say.
int64_t text_tokens(const OpenModel& model, const GenerateRequest& r) {
  try {
    const PromptTokens tokens = model.count_tokens(r.prompt, parse_prompt(r.prompt),
                                                   {.routing = r.routing,
                                                    .system_prompt = r.system_prompt,
                                                    .max_gemma_tokens = r.max_gemma_tokens,
                                                    .max_jina_tokens = r.max_jina_tokens});
    return static_cast<int64_t>(tokens.gemma.used);
  } catch (const Error&) {
    return 0;
  }
}

struct Answering {
  JobService* jobs;
  std::string owner, model, event_prefix;
  std::string quality;  // one of our words, where its steps are; else OpenAI's "auto"
  int64_t text_tokens;
  bool wants_url;
  int partial_images;
};

OrderedJson common_json(const Answering& a, const JobView& job, const JobPicture* picture) {
  OrderedJson out{{"background", "opaque"}, {"output_format", kind_of(job.format).name}, {"quality", a.quality}};
  if (picture != nullptr) out["size"] = fmt::format("{}x{}", picture->width, picture->height);
  return out;
}

std::string base64_of(const Answering& a, const JobView& job, size_t index) {
  return encode_base64(*a.jobs->picture(job.id, a.owner, index));
}

int64_t created_of(const JobView& job) { return static_cast<int64_t>(job.times.created); }

Response images_answer(const Answering& a, const JobView& job) {
  if (job.state != JobState::Done) return failure_answer(job, Dialect::OpenAi);
  OrderedJson data = OrderedJson::array();
  for (size_t i = 0; i < job.pictures.size(); ++i) {
    OrderedJson one;
    std::string text = base64_of(a, job, i);
    if (a.wants_url)
      one["url"] = fmt::format("data:{};base64,{}", kind_of(job.format).media_type, text);
    else
      one["b64_json"] = std::move(text);
    one["seed"] = seed_json(job.pictures[i].seed);
    data.push_back(std::move(one));
  }
  OrderedJson out{{"created", created_of(job)}, {"model", a.model}};
  out.update(common_json(a, job, &job.pictures.front()));
  out["usage"] = usage_json(job, a.text_tokens);
  out["warnings"] = in_words_of(Dialect::OpenAi, job.warnings);
  out["data"] = std::move(data);
  return json_answer(200, out);
}

std::string sse(const OrderedJson& data) {
  return fmt::format("event: {}\ndata: {}\n\n", data["type"].get<std::string>(), one_line(data));
}

// Pictures as they come, the finished one of each last; an error ends the stream as an object of its own.
std::string image_event(const Answering& a, int& sent_partials, const JobEvent& event, const std::string& id) {
  if (event.name == "preview" && sent_partials < a.partial_images) {
    const OrderedJson preview = OrderedJson::parse(event.data());
    const JobView job = a.jobs->view(id, a.owner);
    OrderedJson out{{"type", a.event_prefix + ".partial_image"},
                    {"b64_json", preview["base64"]},
                    {"created_at", created_of(job)},
                    {"partial_image_index", sent_partials++}};
    out.update(common_json(a, job, nullptr));
    out["output_format"] = "jpeg";
    out["size"] = fmt::format("{}x{}", preview["width"].get<int>(), preview["height"].get<int>());
    return sse(out);
  }
  if (event.name == "picture") {
    const size_t index = OrderedJson::parse(event.data())["picture"].get<size_t>();
    const JobView job = a.jobs->view(id, a.owner);
    const JobPicture& picture = job.pictures.at(index);
    OrderedJson out{{"type", a.event_prefix + ".completed"},
                    {"b64_json", base64_of(a, job, index)},
                    {"created_at", created_of(job)},
                    {"seed", seed_json(picture.seed)}};
    out.update(common_json(a, job, &picture));
    out["usage"] = usage_json(job, a.text_tokens);
    out["warnings"] = in_words_of(Dialect::OpenAi, job.warnings);
    return sse(out);
  }
  if (event.name == "error")
    return fmt::format("event: error\ndata: {}\n\n",
                       one_line(failure_json(a.jobs->view(id, a.owner), Dialect::OpenAi)));
  return "";
}

std::string quality_words(const GenerateRequest& r) {
  const Quality quality = quality_of(r);
  return quality == Quality::Manual ? "auto" : std::string(name_in(qualities(), quality));
}

void draw_for_openai(const Call& call, OpenAiRequest asked, std::string event_prefix) {
  OpenModel& model = call.server.model();
  Answering a{model.jobs.get(),
              call.owner,
              model.name,
              std::move(event_prefix),
              quality_words(asked.submission.request),
              text_tokens(model, asked.submission.request),
              asked.wants_url,
              asked.partial_images};
  if (!asked.is_stream)
    return submit_and_wait(call, std::move(asked.submission),
                           [a](const JobView& job) { return images_answer(a, job); });
  submit_and_stream(
      call, std::move(asked.submission),
      [a, sent = 0](const JobEvent& event, const std::string& id) mutable { return image_event(a, sent, event, id); });
}

void generations(const Call& call) { draw_for_openai(call, openai_request(call, call.json()), "image_generation"); }

void edits(const Call& call) {
  const Request& request = call.request();
  draw_for_openai(call, openai_edit(call, parse_form(request.header_or("Content-Type", ""), request.body)),
                  "image_edit");
}

OrderedJson model_json(const OpenModel& model) {
  return {{"id", model.name},
          {"object", "model"},
          {"created", static_cast<int64_t>(model.created)},
          {"owned_by", "newbie"}};
}

void models(const Call& call) {
  call.answer({{"object", "list"}, {"data", OrderedJson::array({model_json(call.server.model())})}});
}

void one_model(const Call& call) {
  const OpenModel& model = call.server.model();
  if (call.arguments[0] != model.name)
    return call.answer(error_answer(
        404, Error(ErrorKind::InvalidRequest, fmt::format("the model here is {}", model.name)), Dialect::OpenAi));
  call.answer(model_json(model));
}

}  // namespace

const Route openai_generations_route{"POST",      "/v1/images/generations",         Dialect::OpenAi,           false,
                                     generations, "Draw, and wait for it (OpenAI)", RouteWork::PlansForWaiting};
const Route openai_edits_route{"POST",
                               "/v1/images/edits",
                               Dialect::OpenAi,
                               false,
                               edits,
                               "Draw from a picture, and wait for it (OpenAI)",
                               RouteWork::PlansForWaiting};
const Route openai_models_route{"GET", "/v1/models", Dialect::OpenAi, false, models, "The model that is open (OpenAI)"};
const Route openai_model_route{
    "GET", "/v1/models/{model}", Dialect::OpenAi, false, one_model, "The same, by its name (OpenAI)"};

}  // namespace newbie
