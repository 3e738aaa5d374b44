#include "prompt_list.h"

#include <algorithm>
#include <functional>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace newbie {

namespace {

constexpr size_t kMaxListBytes = size_t{64} << 20;
constexpr int64_t kMaxNumber = int64_t{1} << 31;

[[noreturn]] void refuse(const char* key, const char* expected, const Json& got) {
  std::string text = got.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 60) + "…";
  fail(ErrorKind::InvalidRequest, "\"{}\": expected {}, got {}", key, expected, text);
}

std::string text_of(const char* key, const Json& value) {
  if (!value.is_string()) refuse(key, "a string", value);
  return value.get<std::string>();
}

int64_t integer_of(const char* key, const Json& value) {
  if (!value.is_number_integer() || value < 1 || value > kMaxNumber) refuse(key, "an integer from 1 on", value);
  return value.get<int64_t>();
}

// What a line may say, by its own name or the flag's.
struct LineKey {
  const char *name, *flag;
  void (*take)(const char* key, const Json& value, ListedRequest& out);
};

constexpr LineKey kLineKeys[] = {
    {"prompt", "prompt", [](const char* k, const Json& v, ListedRequest& o) { o.request.prompt = text_of(k, v); }},
    {"negative", "negative_prompt",
     [](const char* k, const Json& v, ListedRequest& o) { o.request.negative_prompt = text_of(k, v); }},
    {"seed", "seed",
     [](const char* k, const Json& v, ListedRequest& o) {
       if (!v.is_number_integer()) refuse(k, "an integer", v);
       o.request.seed = parse_seed(k, v.dump());
     }},
    {"width", "width", [](const char* k, const Json& v, ListedRequest& o) { o.request.width = integer_of(k, v); }},
    {"height", "height", [](const char* k, const Json& v, ListedRequest& o) { o.request.height = integer_of(k, v); }},
    {"steps", "steps",
     [](const char* k, const Json& v, ListedRequest& o) {
       const int64_t steps = integer_of(k, v);
       if (steps >= kMaxNumber) refuse(k, "a number of steps", v);
       o.request.steps = static_cast<int>(steps);
       o.request.sigmas.clear();  // levels by hand, given for all lines
     }},
    {"cfg", "cfg_scale",
     [](const char* k, const Json& v, ListedRequest& o) {
       if (!v.is_number()) refuse(k, "a number", v);
       o.request.cfg = v.get<double>();
     }},
    {"sampler", "sampling_method",
     [](const char* k, const Json& v, ListedRequest& o) { o.request.sampler = text_of(k, v); }},
    {"scheduler", "scheduler",
     [](const char* k, const Json& v, ListedRequest& o) {
       o.request.schedule = text_of(k, v);
       o.request.sigmas.clear();
     }},
    {"system_prompt", "system_prompt",
     [](const char* k, const Json& v, ListedRequest& o) { o.request.system_prompt = text_of(k, v); }},
    {"output", "output", [](const char* k, const Json& v, ListedRequest& o) { o.output = text_of(k, v); }},
};

ListedRequest read_line(std::string_view line, std::string where, PictureArguments& arguments, bool has_prompt) {
  const Json json = parse_json(line, "the line");
  if (!json.is_object())
    fail(ErrorKind::InvalidRequest, "expected an object as in {{\"prompt\": \"1girl\", \"seed\": 7}}, got {}",
         json.type_name());
  ListedRequest out{.where = std::move(where), .request = arguments.request};
  for (const auto& [name, value] : json.items()) {
    std::string plain = name;
    std::replace(plain.begin(), plain.end(), '-', '_');
    const auto key = std::find_if(std::begin(kLineKeys), std::end(kLineKeys),
                                  [&plain](const LineKey& k) { return plain == k.name || plain == k.flag; });
    if (key == std::end(kLineKeys))
      fail_with_hint(ErrorKind::InvalidRequest, "keys: " + prompt_list_keys(), "unknown key \"{}\"", name);
    key->take(key->name, value, out);
  }
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
  for (const LineKey& key : kLineKeys) out.append(out.empty() ? "" : ", ").append(key.name);
  return out;
}

std::vector<ListedRequest> read_prompt_list(const std::filesystem::path& path, PictureArguments& arguments,
                                            bool has_prompt) {
  const std::string text = read_file(path, kMaxListBytes);
  std::vector<ListedRequest> out;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    try {
      out.push_back(read_line(line, where, arguments, has_prompt));
    } catch (const Error& e) {
      throw Error(e.kind(), fmt::format("{}: {}", where, e.message()), e.hint());
    }
  }
  if (out.empty()) fail(ErrorKind::InvalidRequest, "{}: no lines", path.string());
  return out;
}

}  // namespace newbie
