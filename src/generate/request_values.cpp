// Values of request fields: what a row lets through, and their forms as JSON and as words. Nothing here knows a field
// by name.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "core/edit_distance.h"
#include "core/error.h"
#include "core/utf8.h"
#include "generate/foreign_fields.h"
#include "generate/request_fields.h"

namespace newbie {

namespace {

constexpr size_t kMaxListed = 10001;  // numbers of a list, adapters

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

std::string number_words(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? fmt::format("{}", static_cast<int64_t>(value))
                                                              : fmt::format("{}", value);
}

[[noreturn]] void refuse_value(const RequestField& field, const std::string& got) {
  constexpr size_t kLongest = 60;
  fail_field(field.name, "", "expected {}, got {}", expected_values(field), beginning_of(got, kLongest));
}
[[noreturn]] void refuse_value(const RequestField& field, const OrderedJson& got) {
  refuse_value(field, got.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

bool in_field_range(const RequestField& field, const OrderedJson& value) {
  if (!value.is_number()) return false;
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < field.least || number > field.most) return false;
  if (field.above && number == field.least) return false;
  return field.multiple == 1 || std::fmod(number, static_cast<double>(field.multiple)) == 0;
}

bool is_seed(const OrderedJson& value) {
  return value.is_number_unsigned() || (value.is_number_integer() && value >= -1);
}

bool is_known_word(const RequestField& field, const std::string& word) {
  return std::ranges::find(field.words, word) != field.words.end() ||
         std::ranges::find(field.other_words, word) != field.other_words.end();
}

// {"name" or "path", perhaps "strength", "blocks" and "sha256"}, and nothing else.
bool is_adapter(const RequestField& field, const OrderedJson& value) {
  if (!value.is_object() || value.contains("name") == value.contains("path")) return false;
  const auto fits = [&](const std::string& key, const OrderedJson& part) {
    if (key == "strength") return in_field_range(field, part);
    if (key == "name" || key == "path") return part.is_string() && !part.get_ref<const std::string&>().empty();
    if (key == "sha256") return part.is_string();
    return key == "blocks" && part.is_object() && part.size() <= kMaxListed &&
           std::ranges::all_of(part, [&](const OrderedJson& strength) { return in_field_range(field, strength); });
  };
  for (const auto& [key, part] : value.items())
    if (!fits(key, part)) return false;
  return true;
}

bool fits_field(const RequestField& field, const OrderedJson& value) {
  const auto all = [&](auto fits) {
    return value.is_array() && value.size() <= kMaxListed && std::ranges::all_of(value, fits);
  };
  switch (field.kind) {
    case FieldKind::Text: return value.is_string();
    case FieldKind::Truth: return value.is_boolean();
    case FieldKind::Integer: return value.is_number_integer() && in_field_range(field, value);
    case FieldKind::Seed: return is_seed(value);
    case FieldKind::Real: return in_field_range(field, value);
    case FieldKind::Reals: return all([&](const OrderedJson& one) { return in_field_range(field, one); });
    case FieldKind::Choice: return value.is_string();
    case FieldKind::Picture: return value.is_string();
    case FieldKind::Adapters: return all([&](const OrderedJson& one) { return is_adapter(field, one); });
  }
  return false;
}

template <typename T>
OrderedJson parsed_number(std::string_view words) {
  T out{};
  const auto [end, code] = std::from_chars(words.data(), words.data() + words.size(), out);
  const bool is_whole = code == std::errc() && end == words.data() + words.size();
  if constexpr (std::is_floating_point_v<T>)
    if (!std::isfinite(out)) return {};
  return is_whole ? OrderedJson(out) : OrderedJson();
}

// Null when the words are no such number.
OrderedJson integer_of_words(std::string_view words) {
  OrderedJson out = parsed_number<uint64_t>(words);
  return out.is_null() ? parsed_number<int64_t>(words) : out;
}

OrderedJson reals_of_words(std::string_view words) {
  OrderedJson out = OrderedJson::array();
  for (size_t begin = 0; begin <= words.size();) {
    const size_t end = std::min(words.find(',', begin), words.size());
    std::string_view one = words.substr(begin, end - begin);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    out.push_back(parsed_number<double>(one));
    if (out.back().is_null()) return {};
    begin = end + 1;
  }
  return out;
}

// "0.8,layers.0=0.2": a strength, and those of blocks. Null when it is something else.
OrderedJson strengths_of_words(std::string_view words) {
  OrderedJson out = OrderedJson::object();
  for (bool first = true; first || !words.empty(); first = false) {
    const std::string_view one = words.substr(0, words.find(','));
    words.remove_prefix(std::min(words.size(), one.size() + 1));
    const size_t equals = one.find('=');
    OrderedJson number = parsed_number<double>(equals == one.npos ? one : one.substr(equals + 1));
    if (number.is_null() || equals == 0 || (equals == one.npos && !first)) return {};
    (equals == one.npos ? out["strength"] : out["blocks"][std::string(one.substr(0, equals))]) = std::move(number);
  }
  return out;
}

// "FILE:0.8"; a colon before anything but strengths belongs to the name.
OrderedJson adapter_of_words(std::string_view words) {
  const size_t colon = words.rfind(':');
  OrderedJson out{{"name", words}};
  OrderedJson strengths = colon == words.npos ? OrderedJson() : strengths_of_words(words.substr(colon + 1));
  if (!strengths.is_null()) {
    out["name"] = words.substr(0, colon);
    out.update(strengths);
  }
  return OrderedJson::array({std::move(out)});
}

}  // namespace

std::span<const Named<FieldKind>> field_kinds() {
  static constexpr Named<FieldKind> kKinds[] = {
      {FieldKind::Text, "text"},     {FieldKind::Truth, "truth"},     {FieldKind::Integer, "integer"},
      {FieldKind::Seed, "seed"},     {FieldKind::Real, "real"},       {FieldKind::Reals, "reals"},
      {FieldKind::Choice, "choice"}, {FieldKind::Picture, "picture"}, {FieldKind::Adapters, "adapters"}};
  return kKinds;
}

std::span<const Named<FieldGroup>> field_groups() {
  static constexpr Named<FieldGroup> kGroups[] = {{FieldGroup::Prompt, "Prompt"},
                                                  {FieldGroup::Picture, "Picture"},
                                                  {FieldGroup::WhileDrawing, "While drawing"},
                                                  {FieldGroup::FromAPicture, "From a picture"},
                                                  {FieldGroup::Sampling, "Sampling"}};
  return kGroups;
}

const RequestField* find_request_field(std::string_view name) {
  for (const RequestField& field : request_fields())
    if (field.name == name || std::ranges::find(field.other_names, name) != field.other_names.end()) return &field;
  return nullptr;
}

const RequestField& request_field(std::string_view name) {
  const RequestField* field = find_request_field(name);
  if (field == nullptr) fail(ErrorKind::Internal, "a request has no field {}", name);
  return *field;
}

const RequestField* find_request_field_by_flag(std::string_view flag) {
  const auto fields = request_fields();
  const auto found = std::ranges::find(fields, flag, &RequestField::flag);
  return found == fields.end() ? nullptr : &*found;
}

std::string range_words(const RequestField& field) {
  std::string out =
      fmt::format("{}{} to {}", field.above ? "above " : "", number_words(field.least), number_words(field.most));
  if (field.multiple != 1) out += fmt::format(" in steps of {}", field.multiple);
  return out;
}

std::string expected_values(const RequestField& field) {
  std::string range = range_words(field);
  const OrderedJson none = field.get(GenerateRequest());
  if (!field.unset.empty() && none.is_number())
    range += fmt::format(", or {} ({})", number_words(none.get<double>()), field.unset);
  switch (field.kind) {
    case FieldKind::Text: return field.words_only ? "one of " + joined(field.words) : "a text";
    case FieldKind::Truth: return "true or false";
    case FieldKind::Integer: return "a whole number, " + range;
    case FieldKind::Seed: return "-1 (random) or a whole number, 0 to 18446744073709551615";
    case FieldKind::Real: return "a number, " + range;
    case FieldKind::Reals: return "a list of numbers, each " + range;
    case FieldKind::Choice: return "one of " + joined(field.words);
    case FieldKind::Picture: return "a picture";
    case FieldKind::Adapters: return "adapters, each with a name and perhaps a strength, blocks and sha256, " + range;
  }
  return {};
}

void check_value(const RequestField& field, const OrderedJson& value) {
  if (value == field.get(GenerateRequest())) return;  // null where nothing is the default, or 0 where that is none
  if (!fits_field(field, value)) refuse_value(field, value);
  if (!field.words_only || is_known_word(field, value)) return;
  const auto& word = value.get_ref<const std::string&>();
  const std::string_view ours = field.our_word != nullptr ? field.our_word(word) : std::string_view();
  fail_field(field.name, ours.empty() ? "possible: " + joined(field.words) : fmt::format("here it is {}", ours),
             "unknown value '{}'", word);
}

OrderedJson value_of_words(const RequestField& field, std::string_view words) {
  OrderedJson out;
  switch (field.kind) {
    case FieldKind::Truth:
      out = words == "true" ? OrderedJson(true) : words == "false" ? OrderedJson(false) : out;
      break;
    case FieldKind::Integer:
    case FieldKind::Seed: out = integer_of_words(words); break;
    case FieldKind::Real: out = parsed_number<double>(words); break;
    case FieldKind::Reals: out = reals_of_words(words); break;
    case FieldKind::Adapters: out = adapter_of_words(words); break;
    case FieldKind::Text:
    case FieldKind::Choice:
    case FieldKind::Picture: out = words; break;
  }
  if (out.is_null()) refuse_value(field, fmt::format("'{}'", words));
  check_value(field, out);
  return out;
}

std::vector<std::string> words_of_value(const RequestField& field, const OrderedJson& value) {
  const auto plain = [](const OrderedJson& one) {
    return one.is_string()         ? one.get<std::string>()
           : one.is_number_float() ? fmt::format("{}", one.get<double>())
                                   : one.dump();
  };
  if (!value.is_array()) return {plain(value)};
  std::vector<std::string> out;
  if (field.kind == FieldKind::Adapters) {
    for (const OrderedJson& one : value) {
      std::string text = plain(one.contains("name") ? one["name"] : one["path"]) + ':' +
                         plain(one.value("strength", OrderedJson(1.0)));
      if (one.contains("blocks"))
        for (const auto& [glob, strength] : one["blocks"].items()) text += ',' + glob + '=' + plain(strength);
      out.push_back(std::move(text));
    }
    return out;
  }
  std::string list;
  for (const OrderedJson& one : value) {
    if (!list.empty()) list += ',';
    list += plain(one);
  }
  return {list};
}

void set_field(const RequestField& field, GenerateRequest& request, const OrderedJson& value) {
  check_value(field, value);
  field.set(request, value);
}

bool is_default(const RequestField& field, const GenerateRequest& request) {
  return field.get(request) == field.get(GenerateRequest());
}

std::vector<std::string> unused_fields(const GenerateRequest& request) {
  std::vector<std::string> out;
  for (const RequestField& field : request_fields()) {
    if (field.unused == nullptr || is_default(field, request)) continue;
    if (const std::string why = field.unused(request); !why.empty())
      out.push_back(fmt::format("`{}` does nothing {}", field.name, why));
  }
  return out;
}

OrderedJson describe_request_fields() {
  OrderedJson out = OrderedJson::array();
  for (const RequestField& field : request_fields()) {
    OrderedJson row{{"name", field.name}, {"kind", name_in(field_kinds(), field.kind)}};
    if (!field.other_names.empty()) row["other_names"] = field.other_names;
    row["group"] = name_in(field_groups(), field.group);
    row["help"] = field.help;
    row["flag"] = field.flag;
    row["default"] = field.get(GenerateRequest());
    if (!field.unset.empty()) row["default_means"] = field.unset;
    if (field.most > field.least) {
      row["least"] = field.least;
      row["least_included"] = !field.above;
      row["most"] = field.most;
      if (field.multiple != 1) row["multiple"] = field.multiple;
    }
    if (!field.words.empty()) row["words"] = field.words;
    out.push_back(std::move(row));
  }
  return out;
}

std::string nearest_request_field(std::string_view name) {
  if (const std::string_view ours = find_foreign_field(name); !ours.empty()) return fmt::format("here it is {}", ours);
  std::string_view best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const RequestField& field : request_fields()) {
    std::vector<std::string_view> names = field.other_names;
    names.push_back(field.name);
    for (const std::string_view known : names)
      if (const size_t distance = edit_distance(name, known, Swapped::OneEdit); distance < least)
        best = field.name, least = distance;
  }
  return best.empty() ? "" : fmt::format("did you mean `{}`?", best);
}

}  // namespace newbie
