#include "openapi.h"

#include <cctype>

#include "generate/request_json.h"
#include "routes/all.h"

namespace newbie {

namespace {

constexpr const char* kJson = "application/json";

OrderedJson field_schema(const RequestField& field) {
  OrderedJson out;
  const auto with_range = [&](OrderedJson schema) {
    schema[field.above ? "exclusiveMinimum" : "minimum"] = field.least;
    schema["maximum"] = field.most;
    return schema;
  };
  switch (field.kind) {
    case FieldKind::Text: out = {{"type", "string"}}; break;
    case FieldKind::Truth: out = {{"type", "boolean"}}; break;
    case FieldKind::Integer: out = with_range({{"type", "integer"}}); break;
    case FieldKind::Real: out = with_range({{"type", "number"}}); break;
    case FieldKind::Reals: out = {{"type", "array"}, {"items", with_range({{"type", "number"}})}}; break;
    case FieldKind::Seed:
      out = {{"oneOf", OrderedJson::array(
                           {{{"type", "integer"}, {"minimum", -1}}, {{"type", "string"}, {"pattern", "^-?[0-9]+$"}}})}};
      break;
    case FieldKind::Choice: out = {{"type", "string"}}; break;
    case FieldKind::Picture: out = {{"type", "string"}, {"contentEncoding", "base64"}}; break;
    case FieldKind::Adapters:
      out = {
          {"type", "array"},
          {"items",
           {{"type", "object"}, {"properties", {{"name", {{"type", "string"}}}, {"strength", {{"type", "number"}}}}}}}};
      break;
  }
  if (!field.words.empty() && (field.kind == FieldKind::Choice || field.words_only)) out["enum"] = field.words;
  std::string about = field.help;
  for (char& c : about)
    if (c == '\n') c = ' ';
  if (!field.unset.empty()) about += fmt::format(" (default: {})", field.unset);
  out["description"] = about;
  return out;
}

OrderedJson request_schema() {
  OrderedJson properties = OrderedJson::object();
  for (const RequestField& field : request_fields()) properties[std::string(field.name)] = field_schema(field);
  properties["output_format"] = {
      {"type", "string"}, {"enum", {"png", "jpeg", "webp"}}, {"description", "of the pictures' files"}};
  properties["output_compression"] = {
      {"type", "integer"}, {"minimum", 0}, {"maximum", 100}, {"description", "of JPEG and WebP"}};
  properties["precision"] = {{"type", "string"}, {"description", "other numbers to compute in: a preset's name"}};
  properties["client_id"] = {{"type", "string"}, {"description", "the client's own name for the job"}};
  return {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
}

OrderedJson error_schema() {
  const OrderedJson text{{"type", "string"}};
  return {{"type", "object"},
          {"properties",
           {{"error", {{"type", "object"}, {"properties", {{"kind", text}, {"message", text}, {"hint", text}}}}}}}};
}

OrderedJson reference(const char* name) { return {{"$ref", std::string("#/components/schemas/") + name}}; }

// Which body a route reads, by its address.
OrderedJson request_body(const Route& route) {
  if (route.method != "POST") return nullptr;
  OrderedJson schema{{"type", "object"}};
  if (route.pattern == "/v1/jobs" || route.pattern == "/v1/plan") schema = reference("Request");
  if (route.pattern == "/v1/images/edits") return {{"content", {{"multipart/form-data", {{"schema", schema}}}}}};
  if (route.pattern.ends_with("/front")) return nullptr;
  return {{"content", {{kJson, {{"schema", schema}}}}}};
}

OrderedJson operation(const Route& route) {
  OrderedJson parameters = OrderedJson::array();
  for (size_t at = route.pattern.find('{'); at != std::string_view::npos; at = route.pattern.find('{', at + 1)) {
    const std::string name(route.pattern.substr(at + 1, route.pattern.find('}', at) - at - 1));
    parameters.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  OrderedJson out{{"summary", route.about}};
  if (!parameters.empty()) out["parameters"] = parameters;
  if (OrderedJson body = request_body(route); !body.is_null()) out["requestBody"] = std::move(body);
  out["responses"] = {
      {"2XX", {{"description", "done"}}},
      {"default", {{"description", "refused or failed"}, {"content", {{kJson, {{"schema", reference("Error")}}}}}}}};
  if (route.is_open_to_all) out["security"] = OrderedJson::array();
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

OrderedJson openapi_document() {
  OrderedJson paths = OrderedJson::object();
  for (const Route* route : routes()) paths[std::string(route->pattern)][lower(route->method)] = operation(*route);
  return {
      {"openapi", "3.1.0"},
      {"info", {{"title", "newbie serve"}, {"version", NEWBIE_VERSION}}},
      {"servers", OrderedJson::array({{{"url", "."}}})},
      {"security", OrderedJson::array({{{"bearer", OrderedJson::array()}}, {{"basic", OrderedJson::array()}}})},
      {"paths", paths},
      {"components",
       {{"schemas", {{"Request", request_schema()}, {"Error", error_schema()}}},
        {"securitySchemes",
         {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}, {"basic", {{"type", "http"}, {"scheme", "basic"}}}}}}}};
}

}  // namespace newbie
