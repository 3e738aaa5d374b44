#include "openai_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "generate/request_json.h"
#include "loose_values.h"
#include "read_picture.h"

namespace newbie {

namespace {

constexpr int kMostPartialImages = 3;

// Accepted, and without meaning here: the answer says which model was used.
constexpr const char* kWithoutMeaning[] = {"model", "user", "safety_identifier", "moderation"};

// Accepted, and told that they change nothing.
constexpr const char* kUnheeded[] = {"style", "input_fidelity"};

// OpenAI's words of `quality`. Ours are other words, and are heeded.
constexpr std::string_view kTheirQualities[] = {"auto", "low", "medium", "high", "standard", "hd"};

std::string text_member(OrderedJson& json, const std::string& name, std::string otherwise) {
  const OrderedJson value = take_member(json, name);
  if (value.is_null()) return otherwise;
  if (!value.is_string()) refuse(name, "expected a text");
  return value.get<std::string>();
}

// "1024x768"; "auto" or nothing: the model's own.
void set_size(OrderedJson& json) {
  const std::string size = text_member(json, "size", "auto");
  if (size == "auto") return;
  int width = 0, height = 0;
  const char* end = size.data() + size.size();
  const auto first = std::from_chars(size.data(), end, width);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != 'x') refuse("size", "expected WIDTHxHEIGHT or auto");
  const auto second = std::from_chars(first.ptr + 1, end, height);
  if (second.ec != std::errc() || second.ptr != end) refuse("size", "expected WIDTHxHEIGHT or auto");
  if (json.contains("width") || json.contains("height")) refuse("size", "said twice: width and height are there, too");
  json["width"] = width;
  json["height"] = height;
}

// How long the client waits before it asks again: nobody draws for longer.
double patience_of(const Request& request) {
  double seconds = 0;
  const std::string_view text = request.header_or("x-stainless-read-timeout", "");
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return problem == std::errc() && std::isfinite(seconds) && seconds > 0 ? seconds : 0;
}

// Where OpenAI's mask is clear, ours is white.
Image repainted_where_clear(const Image& mask) {
  if (mask.channels != 4) return mask;
  Image out{mask.width, mask.height, 3, std::vector<uint8_t>(pixel_bytes(mask.width, mask.height, 3))};
  for (size_t i = 0; i * 4 < mask.pixels.size(); ++i)
    std::fill_n(out.pixels.begin() + static_cast<ptrdiff_t>(3 * i), 3,
                static_cast<uint8_t>(255 - mask.pixels[4 * i + 3]));
  return out;
}

bool is_blank(const OrderedJson& text) {
  return text.is_string() && text.get_ref<const std::string&>().find_first_not_of(" \t\r\n") == std::string::npos;
}

void add_notes(const Call& call, Submission& submission) {
  for (std::string& note : notes_on(call.server.model(), submission.request))
    submission.notes.push_back(std::move(note));
}

void take_quality(OrderedJson& json, std::vector<std::string>& notes) {
  const auto quality = json.find("quality");
  if (quality == json.end() || !quality->is_string()) return;
  const std::string_view word = quality->get_ref<const std::string&>();
  if (std::ranges::find(kTheirQualities, word) == std::end(kTheirQualities)) return;
  if (word != "auto")
    notes.push_back(fmt::format("`quality` {} changes nothing here: draft, normal and fine do", word));
  json.erase(quality);
}

// A form's text as what JSON would have held; null for a field left empty, whose clients mean none.
OrderedJson value_of_text(const std::string& name, const std::string& text) {
  const RequestField* field = find_request_field(name);
  const bool is_text = name == "prompt" || (field != nullptr && field->kind == FieldKind::Text);
  if (text.empty() && !is_text) return nullptr;
  if (field != nullptr && (field->kind == FieldKind::Reals || field->kind == FieldKind::Adapters))
    return value_of_words(*field, text);
  return text;
}

// "image", "image[]", "image[0]".
bool is_image(std::string_view name) {
  if (!name.starts_with("image")) return false;
  name.remove_prefix(5);
  return name.empty() || (name.starts_with('[') && name.ends_with(']') &&
                          name.substr(1, name.size() - 2).find_first_not_of("0123456789") == name.npos);
}

// All but the pictures.
OpenAiRequest read_request(const Call& call, OrderedJson json) {
  drop_nulls(json);
  OpenAiRequest out;
  Submission& s = out.submission;
  s.owner = call.owner;
  s.origin = "openai";
  s.patience_s = patience_of(call.request());
  for (const char* name : kWithoutMeaning) take_member(json, name);
  for (const char* name : kUnheeded)
    if (!take_member(json, name).is_null()) s.notes.push_back(fmt::format("`{}` changes nothing here", name));
  take_quality(json, s.notes);
  if (text_member(json, "background", "auto") == "transparent")
    refuse("background", "pictures with clear parts are not drawn here");
  const std::string form = text_member(json, "response_format", "b64_json");
  if (form != "b64_json" && form != "url") refuse("response_format", "expected b64_json or url");
  out.wants_url = form == "url";
  set_format(s, take_member(json, "output_format"), "output_format");
  set_quality(s, loose_value(FieldKind::Integer, take_member(json, "output_compression")), "output_compression");
  if (const OrderedJson stream = loose_value(FieldKind::Truth, take_member(json, "stream")); !stream.is_null()) {
    if (!stream.is_boolean()) refuse("stream", "expected true or false");
    out.is_stream = stream.get<bool>();
  }
  if (const OrderedJson partial = loose_value(FieldKind::Integer, take_member(json, "partial_images"));
      !partial.is_null()) {
    if (!partial.is_number_integer() || partial.get<double>() < 0 || partial.get<double>() > kMostPartialImages)
      refuse("partial_images", fmt::format("expected 0 to {}", kMostPartialImages));
    out.partial_images = partial.get<int>();
  }
  if (OrderedJson n = take_member(json, "n"); !n.is_null()) {
    if (json.contains("batch")) refuse("n", "said twice: batch is there, too");
    json["batch"] = std::move(n);
  }
  set_size(json);
  if (!json.contains("prompt") || is_blank(json["prompt"])) refuse("prompt", "is needed");
  loosen_fields(json);
  if (!json.contains("seed")) json["seed"] = -1;  // another picture each time, as everywhere else
  s.request = request_from_json(json, {}, picture_reader(call.server.limits.pictures));
  check_prompts(s.request, call.server.limits);
  if (out.is_stream && out.partial_images > 0) {
    s.request.preview_every = std::max(1, s.request.steps / (out.partial_images + 1));
    s.keep_preview = true;  // its drawing may begin before anybody listens
    s.all_previews = true;  // as many as were asked for, and few
  }
  return out;
}

}  // namespace

OpenAiRequest openai_request(const Call& call, OrderedJson json) {
  OpenAiRequest out = read_request(call, std::move(json));
  add_notes(call, out.submission);
  return out;
}

OpenAiRequest openai_edit(const Call& call, const std::vector<FormPart>& parts) {
  OrderedJson json = OrderedJson::object();
  std::string_view picture, mask;
  size_t pictures = 0;
  for (const FormPart& part : parts) {
    if (is_image(part.name)) {
      picture = part.data;
      ++pictures;
    } else if (part.name == "mask") {
      mask = part.data;
    } else if (!json.emplace(part.name, value_of_text(part.name, std::string(part.data))).second) {
      refuse(part.name, "said twice");
    }
  }
  if (pictures != 1) refuse("image", fmt::format("expected one picture, got {}", pictures));
  OpenAiRequest out = read_request(call, std::move(json));
  const DecodeLimits& limits = call.server.limits.pictures;
  out.submission.request.init_image = picture_of_bytes("image", picture, limits).image;
  if (!mask.empty()) out.submission.request.mask = repainted_where_clear(picture_of_bytes("mask", mask, limits).image);
  add_notes(call, out.submission);
  return out;
}

}  // namespace newbie
