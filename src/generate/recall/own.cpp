// Our own request in a picture: fields by their names in the table, and what else the picture says of its making.
#include <algorithm>

#include "generate/json_text.h"
#include "generate/metadata.h"
#include "generate/recall/programs.h"
#include "generate/request_fields.h"

namespace newbie {

namespace {

// What a picture says of the engine: its key, and the option.
constexpr std::pair<const char*, const char*> kEngineOptions[] = {{"precision", "dtype"},
                                                                  {"precision_preset", "precision"}};

// Format 1 had the fields of the second pass in an object of their own.
void flatten_hires(OrderedJson& j) {
  const auto found = j.find("hires");
  if (found == j.end() || !found->is_object()) return;
  const OrderedJson hires = *found;  // what is added to an ordered object moves what is in it
  for (const char* key : {"scale", "strength", "steps"})
    if (const auto value = hires.find(key); value != hires.end()) j[std::string("hires_") + key] = *value;
  if (const auto rule = hires.find("strength_rule"); rule != hires.end()) j["strength_rule"] = *rule;
  j.erase("hires");
}

void check_list(const RequestField& field, const OrderedJson& list, std::string_view where) {
  try {
    check_value(field, list);
  } catch (const Error& e) {
    fail(ErrorKind::BadFile, "{}: text '{}': {}", where, kRequestKey, e.message());
  }
}

}  // namespace

Recollection recall_own(const OrderedJson& json, std::string_view where) {
  if (!json.is_object() || !json.contains("format"))
    fail(ErrorKind::BadFile, "{}: text '{}': expected an object with a format", where, kRequestKey);
  OrderedJson j = json;
  if (j["format"] != kRequestFormat && j["format"] != 1)
    fail_with_hint(ErrorKind::Unsupported, "it was written by a newer newbie",
                   "{}: a request of format {}, expected at most {}", where, text_of(j["format"]), kRequestFormat);
  flatten_hires(j);
  Recollection out{.source = kRequestKey};
  const auto instead = [&](const RequestField& field) {  // of one that the picture says nothing by
    return std::ranges::any_of(request_fields(), [&](const RequestField& other) {
      return std::ranges::find(other.instead_of, field.name) != other.instead_of.end() &&
             j.contains(std::string(other.name));
    });
  };
  for (const RequestField& field : request_fields()) {
    const auto said = j.find(std::string(field.name));
    if (said == j.end() || field.kind == FieldKind::Picture || instead(field)) continue;
    const bool is_list = field.kind == FieldKind::Reals || field.kind == FieldKind::Adapters;
    if (said->is_object() || said->is_null() || said->is_array() != is_list) continue;
    if (is_list) check_list(field, *said, where);
    for (std::string& words : words_of_value(field, *said)) out.fields.emplace_back(field.name, std::move(words));
  }
  for (const auto& [key, option] : kEngineOptions)
    if (const auto said = j.find(key); said != j.end() && said->is_string())
      out.fields.emplace_back(option, said->get<std::string>());
  out.precision_policy = string_at(j, "precision_policy");
  out.init_image = string_at(j, "init_image");
  out.mask = string_at(j, "mask");
  if (const auto parts = j.find("parts"); parts != j.end() && parts->is_object())
    out.parts = {string_at(*parts, "transformer"), string_at(*parts, "text_encoder"), string_at(*parts, "clip_model"),
                 string_at(*parts, "vae")};
  return out;
}

}  // namespace newbie
