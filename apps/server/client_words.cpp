#include "client_words.h"

#include <algorithm>
#include <span>

namespace newbie {

namespace {

struct ClientWord {
  std::string_view ours, theirs;
};

constexpr ClientWord kOpenAi[] = {{"batch", "n"}, {"width", "size"}, {"height", "size"}, {"init_image", "image"}};
constexpr ClientWord kA1111[] = {{"cfg", "cfg_scale"},
                                 {"batch", "batch_size"},
                                 {"sampler", "sampler_name"},
                                 {"schedule", "scheduler"},
                                 {"strength", "denoising_strength"},
                                 {"init_image", "init_images"},
                                 {"init_fit", "resize_mode"},
                                 {"mask_invert", "inpainting_mask_invert"},
                                 {"only_masked", "inpaint_full_res"},
                                 {"mask_padding", "inpaint_full_res_padding"},
                                 {"hires_scale", "hr_scale"},
                                 {"hires_steps", "hr_second_pass_steps"},
                                 {"hires_strength", "denoising_strength"}};

std::span<const ClientWord> words_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::OpenAi: return kOpenAi;
    case Dialect::A1111: return kA1111;
    case Dialect::Own: return {};
  }
  return {};
}

}  // namespace

std::string_view field_in_words_of(Dialect dialect, std::string_view field) {
  const auto words = words_of(dialect);
  const auto found = std::ranges::find(words, field, &ClientWord::ours);
  return found == words.end() ? field : found->theirs;
}

std::string in_words_of(Dialect dialect, std::string_view text) {
  std::string out;
  while (true) {
    const size_t begin = text.find('`');
    const size_t end = begin == text.npos ? begin : text.find('`', begin + 1);
    if (end == text.npos) return out.append(text);
    out.append(text.substr(0, begin + 1));
    out.append(field_in_words_of(dialect, text.substr(begin + 1, end - begin - 1))).append("`");
    text.remove_prefix(end + 1);
  }
}

OrderedJson in_words_of(Dialect dialect, const std::vector<std::string>& texts) {
  OrderedJson out = OrderedJson::array();
  for (const std::string& text : texts) out.push_back(in_words_of(dialect, text));
  return out;
}

std::string message_in_words_of(Dialect dialect, const Error& error) {
  const std::string_view message = error.message(), field = error.field();
  if (field.empty() || !message.starts_with(field)) return in_words_of(dialect, message);
  return std::string(field_in_words_of(dialect, field)) + in_words_of(dialect, message.substr(field.size()));
}

}  // namespace newbie
