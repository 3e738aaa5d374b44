#include "a1111_settings.h"

#include "answers.h"
#include "core/utf8.h"

namespace newbie {

namespace {

std::string title_of(const Server& server) { return server.is_open() ? server.model().name : std::string(); }

// Texts that ask for no VAE or checkpoint in particular.
bool asks_for_none(const OrderedJson& value) { return value == "" || value == "None" || value == "Automatic"; }

}  // namespace

// Clients break when the checkpoint is no text.
OrderedJson a1111_settings(const Server& server) {
  return {{"sd_model_checkpoint", title_of(server)},
          {"sd_checkpoint_hash", ""},
          {"samples_format", "png"},
          {"sd_vae", "Automatic"},
          {"CLIP_stop_at_last_layers", 1},
          {"eta_noise_seed_delta", 0},
          {"show_progress_every_n_steps", 10},
          {"forge_additional_modules", OrderedJson::array()}};
}

void check_checkpoint(const Server& server, const OrderedJson& settings) {
  const auto wanted = settings.find("sd_model_checkpoint");
  const std::string title = title_of(server);
  if (wanted != settings.end() && !wanted->is_null() && (!wanted->is_string() || (*wanted != title && *wanted != "")))
    throw Error(ErrorKind::InvalidRequest, fmt::format("the model here is {}", title),
                "start newbie serve with --model for another", "sd_model_checkpoint");
}

void take_overrides(const Server& server, const OrderedJson& overrides, std::vector<std::string>& notes) {
  if (overrides.is_null() || (overrides.is_array() && overrides.empty())) return;  // PHP's empty object is a list
  if (!overrides.is_object()) refuse("override_settings", "expected an object");
  check_checkpoint(server, overrides);
  constexpr size_t kLongest = 100;
  const OrderedJson settings = a1111_settings(server);
  for (const auto& [name, value] : overrides.items()) {
    if (name == "sd_model_checkpoint" || value.is_null() || asks_for_none(value)) continue;
    if (const auto here = settings.find(name); here != settings.end() && *here == value) continue;
    notes.push_back(fmt::format("`override_settings`: {} {} is not known here, and changes nothing", name,
                                beginning_of(one_line(value), kLongest)));
  }
}

}  // namespace newbie
