#include "generate/recall/said.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/utf8.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "generate/json_text.h"
#include "generate/request_fields.h"
#include "text/trim.h"

namespace newbie {

namespace {

constexpr int64_t kSideStep = 16;  // what this family of models draws in

// "SGM Uniform" -> "sgm_uniform".
std::string as_a_name(std::string_view words) {
  std::string out;
  for (const char c : words) out += c == ' ' || c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// Schedules of others, which may stand behind a sampler's name.
constexpr std::string_view kForeignSchedules[] = {
    "karras", "exponential", "polyexponential", "uniform",    "ddim",  "ddim_uniform",
    "ays",    "gits",        "kl_optimal",      "smoothstep", "turbo", "align_your_steps"};

// Our name for a schedule; A1111's and stable-diffusion.cpp's own grids are even in time, as ComfyUI's normal is.
std::string_view our_schedule_name(std::string_view theirs) {
  const std::string plain = as_a_name(theirs);
  if (plain == "automatic" || plain == "discrete" || plain == "default") return "normal";
  for (const Schedule& known : schedules())
    if (known.name == plain) return known.name;
  return {};
}

bool is_schedule(std::string_view words) {
  return !our_schedule_name(words).empty() ||
         std::ranges::find(kForeignSchedules, as_a_name(words)) != std::end(kForeignSchedules);
}

int64_t nearest_side(int64_t side) {
  return std::clamp<int64_t>((side + kSideStep / 2) / kSideStep * kSideStep, kSideStep, kMaxSide);
}

}  // namespace

std::string shortened(std::string_view text, size_t most) {
  std::string out = beginning_of(text, most);
  std::ranges::replace(out, '\n', ' ');
  return out;
}

bool says_nothing(const OrderedJson& value) {
  return value.is_null() || value == false || value == 0 || value == "" || value == "None" || value == "[]" ||
         ((value.is_array() || value.is_object()) && value.empty());
}

namespace {

// That of a picture without one: drawn, it would be another picture.
bool is_blank_prompt(std::string_view field, std::string_view words) {
  return field == "prompt" && trim(words, kBlanksAndLineEnds).empty();
}

}  // namespace

std::optional<double> number_of(std::string_view words) {
  double number = 0;
  const auto [end, code] = std::from_chars(words.data(), words.data() + words.size(), number);
  if (code != std::errc() || end != words.data() + words.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

void Said::note(std::string words) {
  if (std::ranges::find(out_.notes, words) == out_.notes.end()) out_.notes.push_back(std::move(words));
}

void Said::lost(std::string_view theirs, std::string_view value) {
  note(fmt::format("{}: {} has no counterpart", theirs, shortened(value)));
}

void Said::take(std::string_view field, std::string_view words, std::string_view theirs) {
  if (find(field) != nullptr || is_blank_prompt(field, words)) return;
  const RequestField& row = request_field(field);
  try {
    OrderedJson value;
    // Whole numbers come as 28.0, too.
    if (const auto number = number_of(words);
        number && row.kind == FieldKind::Integer && *number == std::floor(*number) && std::abs(*number) < 1e9)
      value = static_cast<int64_t>(*number);
    if (value.is_null())
      value = value_of_words(row, words);
    else
      check_value(row, value);
    if (row.kind == FieldKind::Seed && !value.is_number_unsigned() && value < 0)
      return note(fmt::format("{}: {} is a random one", theirs, words));
    for (std::string& text : words_of_value(row, value)) out_.fields.emplace_back(field, std::move(text));
  } catch (const Error&) {
    note(fmt::format("{}: expected {}, got {}", theirs, expected_values(row), shortened(words)));
  }
}

void Said::take_json(std::string_view field, const OrderedJson& value, std::string_view theirs) {
  if (value.is_string() || value.is_number())
    take(field, text_of(value), theirs);
  else if (!says_nothing(value))
    lost(theirs, text_of(value));
}

void Said::take_members(const OrderedJson& object, std::span<const TheirKey> table) {
  for (const TheirKey& row : table)
    if (const auto it = object.find(row.theirs); it != object.end() && !row.field.empty())
      take_json(row.field, *it, row.theirs);
}

void Said::lose_rest(const OrderedJson& object, std::span<const TheirKey> table) {
  for (const auto& [key, value] : object.items())
    if (std::ranges::find(table, std::string_view(key), &TheirKey::theirs) == table.end() && !says_nothing(value))
      lost(key, text_of(value));
}

void Said::take_size(int64_t width, int64_t height) {
  if (find("width") != nullptr) return;
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide)
    return note(fmt::format("size {}x{}: expected sides of 1 to {}", width, height, kMaxSide));
  const int64_t w = nearest_side(width), h = nearest_side(height);
  if (w != width || h != height)
    note(fmt::format("size {}x{} is drawn as {}x{}: sides are multiples of {}", width, height, w, h, kSideStep));
  out_.fields.emplace_back("width", std::to_string(w));
  out_.fields.emplace_back("height", std::to_string(h));
}

void Said::take_size(std::string_view words) {
  int64_t sides[2] = {0, 0};
  std::string_view rest = words;
  for (int64_t& side : sides) {
    rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), side);
    if (code != std::errc()) return note(fmt::format("size {}: expected two numbers", shortened(words)));
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  }
  take_size(sides[0], sides[1]);
}

void Said::take_sides(const OrderedJson& object) {
  const auto side = [&](const char* key) -> int64_t {
    const auto it = object.find(key);
    if (it == object.end() || says_nothing(*it)) return 0;
    const std::optional<double> pixels = number_of(text_of(*it));
    if (!pixels) lost(key, text_of(*it));
    return static_cast<int64_t>(std::clamp(pixels.value_or(0), -1.0, 1e6));
  };
  const int64_t width = side("width"), height = side("height");
  if (width != 0 && height != 0) return take_size(width, height);
  if (width != 0 || height != 0) note(fmt::format("size {}x{}: expected both sides", width, height));
}

bool Said::try_sampler(std::string_view name) {
  const std::string_view ours = our_sampler_name(name);
  if (ours.empty()) return false;
  out_.fields.emplace_back("sampler", ours);
  return true;
}

bool Said::try_schedule(std::string_view name) {
  const std::string_view ours = our_schedule_name(name);
  if (ours.empty()) return false;
  if (find("schedule") == nullptr) out_.fields.emplace_back("schedule", ours);
  return true;
}

void Said::take_sampler(std::string_view name) {
  if (has_sampler_) return;
  has_sampler_ = true;
  if (try_sampler(name)) return;
  for (size_t at = name.find_first_of(" _"); at != std::string_view::npos; at = name.find_first_of(" _", at + 1)) {
    const std::string_view head = name.substr(0, at), tail = name.substr(at + 1);
    if (!is_schedule(tail)) continue;
    take_schedule(tail);
    if (try_sampler(head)) return;
    name = head;
    break;
  }
  note(fmt::format("sampler {} is not one of ours", shortened(name)));
}

void Said::take_schedule(std::string_view name) {
  if (has_schedule_) return;
  has_schedule_ = true;
  if (!try_schedule(name)) note(fmt::format("scheduler {} is not one of ours", shortened(name)));
}

void Said::default_schedule(std::string_view ours) {
  if (find("sampler") != nullptr && !has_schedule_) take_schedule(ours);
}

void Said::take_adapter(std::string_view name, double strength, std::optional<double> text_encoder) {
  // A picture names no path; what remains is looked for in --lora-dir.
  if (const size_t slash = name.find_last_of("/\\"); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  for (const std::string_view ending : {".safetensors", ".ckpt", ".pt"})
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
  const double there = text_encoder.value_or(strength);
  if (name.empty() || name == "None" || name == "none" || (strength == 0 && there == 0)) return;
  const RequestField& row = request_field("loras");
  try {
    OrderedJson use{{"name", name}, {"strength", strength}};
    if (there != strength) use["blocks"] = {{"text_encoder", there}};
    const OrderedJson value = OrderedJson::array({std::move(use)});
    check_value(row, value);
    for (std::string& words : words_of_value(row, value)) out_.fields.emplace_back("loras", std::move(words));
  } catch (const Error&) {
    note(fmt::format("adapter {}: expected a strength of {}, got {}", shortened(name), range_words(row), strength));
  }
}

void Said::rewrite_weights(BracketRule rule) {
  constexpr const char* kPrompts[] = {"prompt", "negative_prompt"};
  RewrittenPrompt read[2];
  for (int i = 0; i < 2; ++i)
    if (const std::string* prompt = find(kPrompts[i])) {
      read[i] = rewrite_brackets(*prompt, rule);
      for (const std::string& problem : read[i].problems) note(fmt::format("`{}`: {}", kPrompts[i], problem));
    }
  if (!read[0].has_markup && !read[1].has_markup) return;
  for (int i = 0; i < 2; ++i)
    if (find(kPrompts[i]) != nullptr) replace(kPrompts[i], std::move(read[i].text));
  out_.fields.emplace_back("weights", "true");
}

void Said::started_from_picture(std::string_view theirs) {
  note(fmt::format("{}: it was drawn from another picture, which it does not hold; give that with `init_image`",
                   theirs));
}

void Said::replace(std::string_view field, std::string words) {
  if (is_blank_prompt(field, words)) return forget(field);
  for (auto& [name, value] : out_.fields)
    if (name == field) value = std::move(words);
}

void Said::forget(std::string_view field) {
  std::erase_if(out_.fields, [&](const auto& one) { return one.first == field; });
}

void Said::rename(std::string_view from, std::string_view to) {
  for (auto& [name, value] : out_.fields)
    if (name == from) name = to;
}

}  // namespace newbie
