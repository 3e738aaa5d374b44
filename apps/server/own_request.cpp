#include "own_request.h"

#include "compile/precision.h"
#include "generate/request_json.h"
#include "generate/request_notes.h"
#include "read_picture.h"
#include "serve/picture_kind.h"
#include "text/utf8.h"

namespace newbie {

namespace {

constexpr size_t kMostClientId = 128;

void check_text(std::string_view field, const std::string& text, size_t most) {
  if (text.size() > most) refuse(field, fmt::format("{} bytes are more than the {} taken here", text.size(), most));
  if (text.find('\0') != std::string::npos) refuse(field, "expected text, got a zero byte");
}

}  // namespace

void read_seed(OrderedJson& json) {
  const auto seed = json.find("seed");
  if (seed != json.end() && seed->is_string())
    *seed = value_of_words(request_field("seed"), seed->get_ref<const std::string&>());
}

void drop_nulls(OrderedJson& json) {
  if (!json.is_object()) refuse("", "expected an object");
  for (auto member = json.begin(); member != json.end();) {
    if (member->is_null())
      member = json.erase(member);
    else
      ++member;
  }
}

OrderedJson take_member(OrderedJson& json, const std::string& name) {
  const auto found = json.find(name);
  if (found == json.end()) return nullptr;
  OrderedJson out = std::move(*found);
  json.erase(found);
  return out;
}

std::vector<std::string> notes_on(const OpenModel& model, const GenerateRequest& request) {
  std::vector<std::string> out = request_notes(request);
  if (model.known)
    for (std::string& note : notes_on_known(*model.known, request, model.engine->final_size(request)))
      out.push_back(std::move(note));
  return out;
}

void check_prompts(const GenerateRequest& request, const ServerLimits& limits) {
  check_text("prompt", request.prompt, limits.prompt_bytes);
  check_text("negative_prompt", request.negative_prompt, limits.prompt_bytes);
  if (request.system_prompt) check_text("system_prompt", *request.system_prompt, limits.prompt_bytes);
}

void set_format(Submission& submission, const OrderedJson& format, std::string_view field) {
  if (format.is_null()) return;
  const auto known = format.is_string() ? picture_format_of(format.get_ref<const std::string&>()) : std::nullopt;
  if (!known) refuse(field, "expected png, jpeg or webp");
  submission.format = *known;
}

void set_quality(Submission& submission, const OrderedJson& quality, std::string_view field) {
  if (quality.is_null()) return;
  if (!quality.is_number_integer() || quality.get<double>() < 0 || quality.get<double>() > 100)
    refuse(field, "expected 0 to 100");
  submission.quality = std::max(1, quality.get<int>());
}

Submission own_submission(const Call& call, OrderedJson json) {
  drop_nulls(json);
  Submission out;
  out.owner = call.owner;
  out.origin = "jobs";
  set_format(out, take_member(json, "output_format"), "output_format");
  set_quality(out, take_member(json, "output_compression"), "output_compression");
  if (const OrderedJson precision = take_member(json, "precision"); !precision.is_null()) {
    const auto preset =
        precision.is_string() ? find_precision_preset(precision.get_ref<const std::string&>()) : std::nullopt;
    if (!preset) refuse("precision", "there is no such precision", "GET /v1/capabilities lists them");
    out.precision = to_string(*preset);  // one name for all that it is called
  }
  if (const OrderedJson id = take_member(json, "client_id"); !id.is_null()) {
    if (!id.is_string() || id.get_ref<const std::string&>().size() > kMostClientId)
      refuse("client_id", fmt::format("expected a text of at most {} bytes", kMostClientId));
    out.client_id = id.get<std::string>();
  }
  read_seed(json);
  out.request = request_from_json(json, {}, picture_reader(call.server.limits.pictures));
  check_prompts(out.request, call.server.limits);
  out.notes = notes_on(call.server.model(), out.request);
  json["seed"] = out.request.seed;  // the one that was drawn for -1: drawn again it is the same picture
  out.text = one_line(json);
  return out;
}

GenerateRequest request_of_text(const std::string& text, const ServerLimits& limits) {
  return request_from_json(parse_ordered_json(text, "the journal"), {}, picture_reader(limits.pictures));
}

}  // namespace newbie
