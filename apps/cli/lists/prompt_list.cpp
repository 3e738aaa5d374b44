#include "lists/prompt_list.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/lines.h"
#include "field_words.h"
#include "generate/request_json.h"
#include "lists/csv.h"
#include "standard_streams.h"
#include "text/plain_text.h"

namespace newbie {

namespace {

constexpr size_t kMaxListBytes = size_t{64} << 20;
constexpr const char* kOutputKey = "output";

std::string underscored(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The field that a key names, null for "output". Error{InvalidRequest} when a line may not say it.
const RequestField* field_of_key(std::string_view name) {
  const std::string key = underscored(std::string(name));
  if (key == kOutputKey) return nullptr;
  const RequestField* field = find_request_field(key);
  if (field != nullptr && !field->in_lists)
    fail_field(name, "a flag beside `prompts` says it for all lines", "not in a list of prompts");
  if (field == nullptr)
    fail_with_hint(ErrorKind::InvalidRequest, "keys: " + prompt_list_keys(), "unknown key \"{}\"{}", name,
                   nearest_request_field(key).empty() ? "" : "; " + nearest_request_field(key));
  return field;
}

[[noreturn]] void refuse_twice(std::string_view name) {
  fail(ErrorKind::InvalidRequest, "key \"{}\" comes twice", name);
}

// What the line says of the request, by the names of its fields; "output" is taken out.
OrderedJson fields_of_line(const OrderedJson& line, ListedRequest& out) {
  OrderedJson fields = OrderedJson::object();
  for (const auto& [name, value] : line.items()) {
    const RequestField* field = field_of_key(name);
    if (field == nullptr) {
      if (!value.is_string()) fail_field(kOutputKey, "", "expected a text, got {}", value.type_name());
      out.output = value.get<std::string>();
      continue;
    }
    const std::string key(field->name);
    if (fields.contains(key)) refuse_twice(name);
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

// One line's JSON as a request.
ListedRequest listed(const OrderedJson& json, std::string where, PictureArguments& arguments, bool has_prompt) {
  if (!json.is_object())
    fail(ErrorKind::InvalidRequest, "expected an object as in {{\"prompt\": \"1girl\", \"seed\": 7}}, got {}",
         json.type_name());
  ListedRequest out{.where = std::move(where), .request = arguments.request};
  const OrderedJson fields = fields_of_line(json, out);
  out.has_random_seed = fields.contains("seed") && fields["seed"].is_number_integer() && fields["seed"] == -1;
  out.request = request_from_json(fields, std::move(out.request));
  if (!has_prompt && !fields.contains("prompt"))
    fail_with_hint(ErrorKind::InvalidRequest, "give one, or --prompt for all lines", "no \"prompt\"");
  resolve_prompts(arguments, out.request);
  if (out.request.system_prompt) require_text("the system prompt", *out.request.system_prompt);
  check_request(out.request);
  return out;
}

// The keys of a table's columns. One without a name has no cells.
void check_head(const std::vector<std::string>& keys) {
  std::set<const RequestField*> seen;
  for (const std::string& key : keys)
    if (!key.empty() && !seen.insert(field_of_key(key)).second) refuse_twice(key);
}

// Cells are words, as behind flags.
OrderedJson json_of_row(const std::vector<std::string>& keys, const CsvRow& row) {
  if (row.cells.size() > keys.size())
    fail(ErrorKind::InvalidRequest, "expected {} cells as in the first row, got {}", keys.size(), row.cells.size());
  OrderedJson out = OrderedJson::object();
  for (size_t i = 0; i < row.cells.size(); ++i) {
    const std::string& cell = row.cells[i];
    if (cell.empty()) continue;
    const RequestField* field = find_request_field(underscored(keys[i]));
    if (field == nullptr || field->kind == FieldKind::Text)
      out[keys[i]] = cell;
    else if (field->kind == FieldKind::Seed && cell == "-1")
      out[keys[i]] = -1;
    else
      out[keys[i]] = value_of_words(*field, cell);
  }
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
                                            bool has_prompt, BadLines bad_lines) {
  const bool is_standard_input = path == "-";
  if (is_standard_input && (arguments.prompt == "-" || arguments.prompt_file == "-" || arguments.init_image == "-"))
    fail(ErrorKind::InvalidRequest, "--prompts -: standard input cannot be a prompt or a picture, too");
  const std::string name = is_standard_input ? "standard input" : path.string();
  const std::string text =
      plain_text(is_standard_input ? read_standard_input(kMaxListBytes) : read_file(path, kMaxListBytes));
  const std::string extension = path.extension().string();
  const bool is_plain = extension != ".jsonl" && extension != ".json" && extension != ".ndjson";
  std::vector<ListedRequest> out;
  const auto place = [&](size_t number) { return fmt::format("{}:{}", name, number); };
  const auto told = [](const std::string& where, const Error& e) {
    return Error(e.kind(), fmt::format("{}: {}", where, in_keys(e.message())), in_keys(e.hint()));
  };
  const auto add = [&](size_t number, auto json) {
    const std::string where = place(number);
    try {
      out.push_back(listed(json(), where, arguments, has_prompt));
    } catch (const Error& e) {
      if (bad_lines == BadLines::Refused) throw told(where, e);
      out.push_back({.where = where, .request = {}, .problem = told(where, e)});
    }
  };
  if (extension == ".csv" || extension == ".tsv") {
    const std::vector<CsvRow> rows = read_csv(text, name);
    if (!rows.empty()) {
      try {
        check_head(rows[0].cells);
      } catch (const Error& e) {
        throw told(place(rows[0].line), e);
      }
    }
    for (size_t i = 1; i < rows.size(); ++i) add(rows[i].line, [&] { return json_of_row(rows[0].cells, rows[i]); });
  } else {
    for_each_line(text, [&](std::string_view line, size_t number) {
      line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
      if (!line.empty()) add(number, [&] { return json_of_line(line, is_plain); });
    });
  }
  if (out.empty()) fail(ErrorKind::InvalidRequest, "{}: no lines", name);
  return out;
}

}  // namespace newbie
