#include "prompt_list.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "field_words.h"
#include "generate/request_json.h"
#include "text/plain_text.h"

namespace newbie {

namespace {

constexpr size_t kMaxListBytes = size_t{64} << 20;
constexpr const char* kOutputKey = "output";

std::string underscored(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// What the line says of the request, by the names of its fields; "output" is taken out.
OrderedJson fields_of_line(const OrderedJson& line, ListedRequest& out) {
  OrderedJson fields = OrderedJson::object();
  for (const auto& [name, value] : line.items()) {
    const std::string key = underscored(name);
    if (key == kOutputKey) {
      if (!value.is_string()) fail_field(kOutputKey, "", "expected a text, got {}", value.type_name());
      out.output = value.get<std::string>();
      continue;
    }
    const RequestField* field = find_request_field(key);
    if (field != nullptr && !field->in_lists)
      fail_field(name, "a flag beside `prompts` says it for all lines", "not in a list of prompts");
    if (field == nullptr)
      fail_with_hint(ErrorKind::InvalidRequest, "keys: " + prompt_list_keys(), "unknown key \"{}\"{}", name,
                     nearest_request_field(key).empty() ? "" : "; " + nearest_request_field(key));
    fields[key] = value;
  }
  return fields;
}

// The line as JSON; one of a plain list is a prompt.
OrderedJson json_of_line(std::string_view line, bool is_plain) {
  if (!is_plain || line.starts_with('{')) return parse_ordered_json(line, "the line");
  if (line.starts_with("--"))
    fail_with_hint(ErrorKind::InvalidRequest, "{\"prompt\": \"1girl\", \"seed\": 7} says more than a prompt",
                   "a line is a prompt or a JSON object, not flags");
  return {{"prompt", line}};
}

ListedRequest read_line(std::string_view line, bool is_plain, std::string where, PictureArguments& arguments,
                        bool has_prompt) {
  const OrderedJson json = json_of_line(line, is_plain);
  if (!json.is_object())
    fail(ErrorKind::InvalidRequest, "expected an object as in {{\"prompt\": \"1girl\", \"seed\": 7}}, got {}",
         json.type_name());
  ListedRequest out{.where = std::move(where), .request = arguments.request};
  out.request = request_from_json(fields_of_line(json, out), std::move(out.request));
  if (!has_prompt && !json.contains("prompt"))
    fail_with_hint(ErrorKind::InvalidRequest, "give one, or --prompt for all lines", "no \"prompt\"");
  resolve_prompts(arguments, out.request);
  if (out.request.system_prompt) require_text("the system prompt", *out.request.system_prompt);
  check_request(out.request);
  return out;
}

}  // namespace

std::string prompt_list_keys() {
  std::string out;
  for (const RequestField& field : request_fields())
    if (field.in_lists) out.append(field.name).append(", ");
  out += kOutputKey;
  return out;
}

std::vector<ListedRequest> read_prompt_list(const std::filesystem::path& path, PictureArguments& arguments,
                                            bool has_prompt) {
  const std::string text = plain_text(read_file(path, kMaxListBytes));
  const std::string extension = path.extension().string();
  const bool is_plain = extension != ".jsonl" && extension != ".json" && extension != ".ndjson";
  std::vector<ListedRequest> out;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) continue;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    try {
      out.push_back(read_line(line, is_plain, where, arguments, has_prompt));
    } catch (const Error& e) {
      throw Error(e.kind(), fmt::format("{}: {}", where, in_keys(e.message())), in_keys(e.hint()));
    }
  }
  if (out.empty()) fail(ErrorKind::InvalidRequest, "{}: no lines", path.string());
  return out;
}

}  // namespace newbie
