#include "generate/request_json.h"

#include <algorithm>
#include <map>

#include "core/error.h"

namespace newbie {

namespace {

void take_picture(const RequestField& field, GenerateRequest& request, const OrderedJson& value,
                  const PictureReader& read) {
  std::optional<Image>& picture = request.*field.picture;
  picture.reset();
  if (value.is_null()) return;
  check_value(field, value);
  if (!read) throw Error(ErrorKind::Unsupported, "no pictures here", "", std::string(field.name));
  picture = read(field, value.get<std::string>());
}

std::map<const RequestField*, const OrderedJson*> known_fields(const OrderedJson& json) {
  std::map<const RequestField*, const OrderedJson*> out;
  for (const auto& [name, value] : json.items()) {
    const RequestField* field = find_request_field(name);
    if (field == nullptr) fail_field(name, nearest_request_field(name), "a request has no such field");
    if (!out.emplace(field, &value).second) fail_field(field->name, "", "said twice, once as \"{}\"", name);
  }
  return out;
}

}  // namespace

GenerateRequest request_from_json(const OrderedJson& json, GenerateRequest out, const PictureReader& read) {
  if (!json.is_object())
    fail(ErrorKind::InvalidRequest,
         "a request: expected an object as in {{\"prompt\": \"1girl\", \"seed\": 7}}, got {}", json.type_name());
  const auto given = known_fields(json);
  const GenerateRequest defaults;
  for (const RequestField& field : request_fields()) {
    if (const auto said = given.find(&field); said != given.end()) {
      const OrderedJson& value = *said->second;
      if (field.kind == FieldKind::Picture)
        take_picture(field, out, value, read);
      else
        set_field(field, out, value.is_null() ? field.get(defaults) : value);
    } else if (std::ranges::any_of(field.instead_of, [&](auto name) { return given.contains(&request_field(name)); })) {
      field.set(out, field.get(defaults));
    }
  }
  return out;
}

OrderedJson request_to_json(const GenerateRequest& request, const PictureWriter& write) {
  OrderedJson out;
  for (const RequestField& field : request_fields()) {
    OrderedJson value = field.get(request);
    if (field.kind == FieldKind::Picture && !value.is_null()) {
      if (!write)
        throw Error(ErrorKind::Unsupported, "a picture has no form in this JSON", "", std::string(field.name));
      value = write(field, *(request.*field.picture));
    }
    out[std::string(field.name)] = std::move(value);
  }
  return out;
}

}  // namespace newbie
