// The settings text of A1111, and of all who write like it: Forge, SD.Next, stable-diffusion.cpp, Fooocus, Civitai and
// ourselves. The prompt, "Negative prompt: …", then a line of settings: "Steps: 20, Sampler: Euler a, Size: 512x768".
#include <algorithm>
#include <array>
#include <charconv>

#include "core/json.h"
#include "generate/json_text.h"
#include "generate/recall/adapter_tags.h"
#include "generate/recall/programs.h"
#include "generate/recall/said.h"
#include "generate/recall/their_syntax.h"

namespace newbie {

namespace {

constexpr std::string_view kStepsOpening = "Steps: ", kNegativeOpening = "Negative prompt:";

// Keys that are a field of ours. SD.Next, stable-diffusion.cpp and Forge have names of their own for some.
constexpr std::pair<std::string_view, std::string_view> kSettingFields[] = {
    {"Steps", "steps"},
    {"CFG scale", "cfg"},
    {"Seed", "seed"},
    {"Shift", "shift"},
    {"Sampler shift", "shift"},
    {"Eta", "eta"},
    {"CFG rescale", "rescale_cfg"},
    {"Rescale CFG", "rescale_cfg"},
    {"Denoising strength", "strength"},
    {"Mask blur", "mask_blur"},
    {"Masked area padding", "mask_padding"},
    {"Hires scale", "hires_scale"},
    {"Hires denoise", "hires_strength"},
    {"Hires strength", "hires_strength"},
};

// Keys that change no picture here: names of models and programs, and what the texts of prompts say anyway.
constexpr std::string_view kHarmlessSettings[] = {"Version",
                                                  "Model hash",
                                                  "Model",
                                                  "App",
                                                  "VAE",
                                                  "VAE hash",
                                                  "TE",
                                                  "Unet",
                                                  "Backend",
                                                  "Pipeline",
                                                  "Operations",
                                                  "Parser",
                                                  "Base Model",
                                                  "Base Model Hash",
                                                  "Metadata Scheme",
                                                  "Created Date",
                                                  "Batch",
                                                  "Batch index",
                                                  "Batch pos",
                                                  "Batch size",
                                                  "User",
                                                  "Civitai metadata",
                                                  "SDCPP"};

// Keys that say nothing with this value.
constexpr std::pair<std::string_view, std::string_view> kUsual[] = {{"RNG", "CPU"},
                                                                    {"RNG", "cpu"},
                                                                    {"Clip skip", "1"},
                                                                    {"Refiner", "None"},
                                                                    {"Hires upscaler", "Lanczos"},
                                                                    {"Hires steps", "0"},
                                                                    {"Hires Module 1", "Use same choices"}};

// Where the settings begin: the last line of that opening. Values in quotes may hold line breaks, so it need not be the
// last line.
size_t settings_begin(std::string_view text) {
  size_t found = text.npos;
  for (size_t line = 0; line != text.npos && line < text.size();) {
    const std::string_view rest = text.substr(line);
    if (rest.starts_with(kStepsOpening) && rest.size() > kStepsOpening.size() && rest[kStepsOpening.size()] >= '0' &&
        rest[kStepsOpening.size()] <= '9')
      found = line;
    const size_t end = text.find('\n', line);
    line = end == text.npos ? end : end + 1;
  }
  return found;
}

// The end of a value: quoted, in brackets of JSON, or up to the separator.
size_t value_end(std::string_view text, char separator) {
  bool quoted = false;
  int depth = 0;
  const bool nests = text.starts_with('{') || text.starts_with('[');
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"' && (quoted || nests || i == 0))
      quoted = !quoted;
    else if (!quoted && nests && (c == '{' || c == '['))
      ++depth;
    else if (!quoted && nests && (c == '}' || c == ']'))
      --depth;
    else if (!quoted && depth <= 0 && (c == separator || c == '\n'))
      return i;
  }
  // A quote or bracket without its partner: as if it were a letter.
  return quoted || depth > 0 ? std::min(text.find_first_of(std::array{separator, '\n'}.data(), 0, 2), text.size())
                             : text.size();
}

std::string unquoted(std::string_view value) {
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) try {
      return parse_ordered_json(value, "a value").get<std::string>();
    } catch (const Error&) {
      return std::string(value.substr(1, value.size() - 2));  // written by one who does not escape
    }
  return std::string(value);
}

struct Setting {
  std::string key, value;
};

// SD.Next has had "|" where others have ",".
std::vector<Setting> settings_of(std::string_view text) {
  const size_t behind = std::min(text.find_first_not_of("0123456789", kStepsOpening.size()), text.size());
  const size_t at = std::min(text.find_first_not_of(' ', behind), text.size());
  const char separator = at < text.size() && text[at] == '|' ? '|' : ',';
  const std::string between = std::string(" \n\r") + separator;
  std::vector<Setting> out;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(between), text.size()));
    const size_t colon = text.find(':');
    if (colon == text.npos) return out;
    const std::string_view key = text.substr(0, colon);
    text.remove_prefix(colon + 1);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const size_t end = value_end(text, separator);
    std::string_view value = text.substr(0, end);
    while (value.ends_with(' ') || value.ends_with('\r')) value.remove_suffix(1);
    out.push_back({std::string(key), unquoted(value)});
    text.remove_prefix(end);
  }
}

// "Hires resize: 1024x1536" as a factor on the first pass.
void take_hires_size(const std::string& value, Said& said) {
  const auto said_number = [&](std::string_view field) {
    const std::string* words = said.find(field);
    return words == nullptr ? std::nullopt : number_of(*words);
  };
  const auto width = said_number("width"), height = said_number("height");
  const size_t x = value.find('x');
  const auto wanted_width = number_of(value.substr(0, x));
  const auto wanted_height = x == value.npos ? std::nullopt : number_of(value.substr(x + 1));
  if (width && height && wanted_width && wanted_height) {
    const double across = *wanted_width / *width, down = *wanted_height / *height;
    if (across == down) return said.take("hires_scale", fmt::format("{}", across), "Hires resize");
  }
  said.lost("Hires resize", value);
}

// [{"type": "checkpoint", …}, {"type": "lora", "modelName": "ink", "weight": 0.8}]: what the site put into the model.
// Its adapters have no tags in the prompt, and names of their own.
void tell_resources(const std::string& value, Said& said) {
  OrderedJson list;
  try {
    list = parse_ordered_json(value, "Civitai resources");
  } catch (const Error&) {
    return said.lost("Civitai resources", value);
  }
  for (const OrderedJson& one : list) {
    if (!one.is_object()) continue;
    const std::string type = string_at(one, "type");
    if (type == "checkpoint" || type == "vae" || type == "upscaler") continue;
    const auto weight = one.find("weight");
    std::string name = string_at(one, "modelName");
    if (name.empty() && one.contains("modelVersionId")) name = "of version " + one["modelVersionId"].dump();
    said.lost("Civitai resources", fmt::format("{} {}{}", type, name, weight == one.end() ? "" : ':' + weight->dump()));
  }
}

void take_setting(const Setting& s, Said& said) {
  const auto& [key, value] = s;
  if (std::ranges::find(kHarmlessSettings, key) != std::end(kHarmlessSettings)) return;
  if (std::ranges::find(kUsual, std::pair<std::string_view, std::string_view>(key, value)) != std::end(kUsual)) return;
  for (const auto& [theirs, field] : kSettingFields)
    if (key == theirs) return said.take(field, value, key);
  if (key == "Inpaint area" && value == "Only masked") return said.take("only_masked", "true", key);
  if (key == "Mask mode" && value == "Inpaint not masked") return said.take("mask_invert", "true", key);
  if (key == "Size") return said.take_size(value);
  if (key == "Sampler") return said.take_sampler(value);
  if (key == "Schedule type" || key == "Scheduler") return said.take_schedule(value);
  if (key == "Hires upscale" && number_of(value)) return said.take("hires_scale", value, key);
  if (key == "Hires steps" && number_of(value)) return said.take("hires_steps", value, key);
  if (key == "Hires resize") return take_hires_size(value, said);
  if (key == "Civitai resources") return tell_resources(value, said);
  said.lost(key, value);
}

// One that says there was a second pass, whether or not that can be drawn.
bool is_of_hires(const Setting& s) {
  return (s.key == "Hires upscale" || s.key == "Hires resize" || s.key == "Hires upscaler") && s.value != "None";
}

std::string_view without_line_end(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool is_setting(const Setting& s) {
  return s.key == "Size" || s.key == "Sampler" || s.key == "Schedule type" ||
         std::ranges::find(kHarmlessSettings, s.key) != std::end(kHarmlessSettings) ||
         std::ranges::find(kSettingFields, std::string_view(s.key), [](const auto& row) { return row.first; }) !=
             std::end(kSettingFields);
}

// Where a line without steps stands in the end, as people shorten it: it opens with two settings.
size_t shortened_settings_begin(std::string_view text) {
  const std::string_view words = without_line_end(text);
  const size_t before = words.rfind('\n');
  const size_t line = before == words.npos ? 0 : before + 1;
  const std::vector<Setting> settings = settings_of(words.substr(line));
  return settings.size() >= 2 && is_setting(settings[0]) && is_setting(settings[1]) ? line : text.npos;
}

}  // namespace

Recollection recall_a1111(std::string_view text) {
  Said said("parameters");
  size_t settings_at = settings_begin(text);
  if (settings_at == text.npos) settings_at = shortened_settings_begin(text);
  const std::string_view words = without_line_end(text.substr(0, settings_at));
  // SD.Next writes "Negative:" since 2025; a line of a prompt may open so only by chance.
  size_t negative = words.npos, opening = 0;
  for (const std::string_view open : {kNegativeOpening, std::string_view("Negative:")}) {
    if (words.starts_with(open))
      negative = 0;
    else if (const size_t at = words.find("\n" + std::string(open)); at != words.npos)
      negative = at + 1;
    opening = open.size();
    if (negative != words.npos) break;
  }
  std::string_view prompt = words.substr(0, negative);
  if (negative != words.npos) prompt = without_line_end(prompt);
  if (!prompt.empty()) said.take("prompt", prompt, "the prompt");
  if (negative != words.npos) {
    std::string_view behind = words.substr(negative + opening);
    if (behind.starts_with(' ')) behind.remove_prefix(1);
    said.take("negative_prompt", behind, "the negative prompt");
  }
  std::vector<Setting> settings;
  if (settings_at != text.npos) settings = settings_of(text.substr(settings_at));
  const auto value_of = [&](std::string_view key) {
    const auto found = std::ranges::find(settings, key, &Setting::key);
    return found == settings.end() ? std::string_view() : std::string_view(found->value);
  };
  // Ours has its brackets as the request meant them, and says so in the text beside this one.
  const bool ours = value_of("Version").starts_with("newbie");
  if (!ours) {
    tell_syntax(said, SyntaxOf::A1111);
    take_foreign_adapter_tags(said, TagOrder::TextEncoderFirst);
    said.rewrite_weights(BracketRule::A1111);
  }
  for (const Setting& one : settings) take_setting(one, said);
  if (!ours) said.default_schedule("normal");
  if (said.find("hires_scale") != nullptr) {
    if (said.find("hires_strength") == nullptr) said.rename("strength", "hires_strength");  // that pass's
  } else if (!ours && std::ranges::any_of(settings, is_of_hires)) {
    for (const char* field : {"strength", "hires_strength", "hires_steps"}) said.forget(field);
    said.note("the second pass is not drawn: its factor is not told, or its proportions are others");
  } else if (const std::string* strength = said.find("strength"); strength != nullptr && !ours) {
    said.started_from_picture("Denoising strength " + *strength);
  }
  return std::move(said).done();
}

}  // namespace newbie
