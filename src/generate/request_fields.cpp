// The rows. A new field of a request is a member of GenerateRequest, a row here, and the arithmetic that reads it.
#include "generate/request_fields.h"

#include <random>
#include <type_traits>
#include <utility>

#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "generate/quality.h"
#include "text/system_prompts.h"

namespace newbie {

namespace {

using Request = GenerateRequest;

// Less is lost in the grid that the solver walks (diffusion/registry.h).
constexpr double kLeastTolerance = 0.02;
constexpr double kMaxGemmaTokens = 131072, kMaxJinaTokens = 8194;

// The generator uses the low 32 bits, so a random seed has no more.
uint64_t random_seed() { return std::random_device{}(); }

// A row whose value is the JSON of the member `at` refers to.
template <typename At>
RequestField plain_row(FieldKind kind, At at, RequestField row) {
  using Value = std::remove_cvref_t<decltype(at(std::declval<Request&>()))>;
  row.kind = kind;
  row.get = [at](const Request& r) { return OrderedJson(at(r)); };
  row.set = [at](Request& r, const OrderedJson& value) { at(r) = value.get<Value>(); };
  return row;
}
template <typename At>
RequestField text_row(At at, RequestField row) {
  return plain_row(FieldKind::Text, at, std::move(row));
}
template <typename At>
RequestField truth_row(At at, RequestField row) {
  return plain_row(FieldKind::Truth, at, std::move(row));
}
template <typename At>
RequestField integer_row(At at, RequestField row) {
  if (row.value.empty()) row.value = "N";
  return plain_row(FieldKind::Integer, at, std::move(row));
}
template <typename At>
RequestField real_row(At at, RequestField row) {
  row.value = "X";
  return plain_row(FieldKind::Real, at, std::move(row));
}

// An enum, by the words of its table.
template <typename E, typename At>
RequestField choice_row(std::span<const Named<E>> table, At at, RequestField row) {
  row.kind = FieldKind::Choice;
  row.words_only = true;
  for (const Named<E>& one : table) row.words.push_back(one.name);
  row.get = [table, at](const Request& r) { return OrderedJson(name_in(table, at(r))); };
  row.set = [table, at](Request& r, const OrderedJson& value) {
    at(r) = std::ranges::find(table, std::string_view(value.get_ref<const std::string&>()), &Named<E>::name)->value;
  };
  return row;
}

// Null when there is none. What a picture is in JSON the doors decide (request_json.h).
RequestField picture_row(std::optional<Image> Request::*picture, RequestField row) {
  row.kind = FieldKind::Picture;
  row.value = "FILE";
  row.in_lists = false;
  row.recorded = Recorded::Never;  // a picture says the hash of what it was drawn from
  row.picture = picture;
  row.get = [picture](const Request& r) { return r.*picture ? OrderedJson("given") : OrderedJson(); };
  row.set = [](Request&, const OrderedJson&) {};
  return row;
}

RequestField system_prompt_row(RequestField row) {
  row.get = [](const Request& r) { return r.system_prompt ? OrderedJson(*r.system_prompt) : OrderedJson(); };
  row.set = [](Request& r, const OrderedJson& value) {
    r.system_prompt = value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
  };
  for (const NamedSystemPrompt& known : system_prompts()) row.words.push_back(known.name);
  return row;
}

// Kept under the sampler's own name: pictures of one sampler say one name, and are the same bytes.
RequestField sampler_row(RequestField row) {
  row = text_row(
      [](auto& r) -> auto& { return r.sampler; }, std::move(row));
  row.set = [](Request& r, const OrderedJson& v) { r.sampler = find_sampler(v.get_ref<const std::string&>()).name; };
  return row;
}

RequestField quality_row(RequestField row) {
  row.kind = FieldKind::Choice;
  row.words_only = true;
  for (const Named<Quality>& one : qualities()) row.words.push_back(one.name);
  row.help += quality_steps();
  row.get = [](const Request& r) { return OrderedJson(name_in(qualities(), quality_of(r))); };
  row.set = [](Request& r, const OrderedJson& value) {
    set_quality(r, std::ranges::find(qualities(), value.get_ref<const std::string&>(), &Named<Quality>::name)->value);
  };
  return row;
}

RequestField seed_row(RequestField row) {
  row.kind = FieldKind::Seed;
  row.get = [](const Request& r) { return OrderedJson(r.seed); };
  // Not v == -1, which 2^64 - 1 would be, too.
  row.set = [](Request& r, const OrderedJson& v) {
    r.seed = v.is_number_unsigned() || v != -1 ? v.get<uint64_t>() : random_seed();
  };
  return row;
}

RequestField adapters_row(RequestField row) {
  row.kind = FieldKind::Adapters;
  row.get = [](const Request& r) {
    OrderedJson out = OrderedJson::array();
    for (const AdapterUse& a : r.adapters) {
      OrderedJson one{{"name", a.name}, {"strength", a.strength}};
      for (const auto& [glob, strength] : a.blocks) one["blocks"][glob] = strength;
      if (!a.sha256.empty()) one["sha256"] = a.sha256;
      out.push_back(std::move(one));
    }
    return out;
  };
  row.set = [](Request& r, const OrderedJson& value) {
    r.adapters.clear();
    for (const OrderedJson& one : value) {
      AdapterUse use{(one.contains("name") ? one["name"] : one["path"]).get<std::string>(),
                     one.value("strength", AdapterUse{}.strength)};
      if (one.contains("blocks"))
        for (const auto& [glob, strength] : one["blocks"].items())
          use.blocks.emplace_back(glob, strength.get<double>());
      use.sha256 = one.value("sha256", std::string());
      r.adapters.push_back(std::move(use));
    }
  };
  return row;
}

std::vector<std::string_view> sampler_words() {
  std::vector<std::string_view> out;
  for (const Sampler* known : samplers()) out.push_back(known->name);
  return out;
}
std::vector<std::string_view> sampler_aliases() {
  std::vector<std::string_view> out;
  for (const Sampler* known : samplers())
    if (!known->alias.empty()) out.push_back(known->alias);
  return out;
}
std::vector<std::string_view> schedule_words() {
  std::vector<std::string_view> out;
  for (const Schedule& known : schedules()) out.push_back(known.name);
  return out;
}

std::string without_guidance(const Request& r) { return r.cfg == 1 ? "with `cfg` 1, which is guidance off" : ""; }
std::string without_adapters(const Request& r) { return r.adapters.empty() ? "without `loras`" : ""; }
std::string without_init_image(const Request& r) {
  return !r.init_image ? "without `init_image`" : !r.sigmas.empty() ? "with `sigmas` by hand" : "";
}
std::string without_init_picture(const Request& r) { return r.init_image ? "" : "without `init_image`"; }
std::string without_mask(const Request& r) { return r.mask ? "" : "without `mask`"; }
std::string without_only_masked(const Request& r) { return r.mask && r.only_masked ? "" : "without `only_masked`"; }
std::string without_alpha_to_keep(const Request& r) {
  if (!r.init_image) return "without `init_image`";
  return r.init_image->channels == 4 ? "" : "with an `init_image` that has no transparency";
}
std::string without_hires(const Request& r) { return r.hires_scale != 0 ? "" : "without `hires_scale`"; }
std::string without_strength(const Request& r) {
  return r.init_image || r.hires_scale != 0 ? "" : "without `init_image` or `hires_scale`";
}
std::string without_cache(const Request& r) { return r.cache.mode != CacheMode::Off ? "" : "without `cache`"; }
std::string without_preview(const Request& r) { return r.preview_every != 0 ? "" : "without `preview_every`"; }
std::string one_picture(const Request& r) { return r.batch != 1 ? "" : "with one picture"; }
std::string sampler_without_noise(const Request& r) {
  const Sampler& sampler = sampler_of(r);
  return sampler.fresh_noise ? "" : fmt::format("with `sampler` {}, which adds no noise", sampler.name);
}
std::string schedule_without_shift(const Request& r) {
  if (r.tolerance == 0 && r.hires_scale == 0 && !r.sigmas.empty()) return "with `sigmas` by hand";
  const std::string name = schedule_of(r);
  return find_schedule(name).has_shift ? "" : fmt::format("with `schedule` {}, which has none", name);
}

// A row reads as a row: what it is called, what it does, what it may be.
// clang-format off
std::vector<RequestField> make_fields() {
  using enum FieldGroup;
  return {
      text_row([](auto& r) -> auto& { return r.prompt; },
          {.name = "prompt", .flag = "prompt", .letter = 'p', .value = "TEXT", .group = Prompt,
           .help = "XML, tags or sentences"}),
      text_row([](auto& r) -> auto& { return r.negative_prompt; },
          {.name = "negative_prompt", .other_names = {"negative"}, .flag = "negative-prompt", .letter = 'n',
           .value = "TEXT", .group = Prompt,
           .help = "what to steer away from", .unused = without_guidance}),
      system_prompt_row(
          {.name = "system_prompt", .flag = "system-prompt", .value = "NAME|TEXT", .group = Prompt,
           .help = "put before the prompt as it is", .unset = "xml if the prompt has a known tag, else tags"}),
      truth_row([](auto& r) -> auto& { return r.weights; },
          {.name = "weights", .flag = "weights", .group = Prompt,
           .help = "(text:1.2), (text), [text], {text} in prompts are weights;\n\\( and \\) are parentheses",
           .recorded = Recorded::IfChanged}),
      choice_row(routings(), [](auto& r) -> auto& { return r.routing; },
          {.name = "routing", .flag = "routing", .group = Prompt,
           .help = "comfyui: Jina CLIP reads the system prompt, too"}),
      integer_row([](auto& r) -> auto& { return r.max_gemma_tokens; },
          {.name = "max_gemma_tokens", .flag = "max-gemma-tokens", .group = Prompt,
           .help = "of longer prompts Gemma reads the beginning", .least = 1, .most = kMaxGemmaTokens}),
      integer_row([](auto& r) -> auto& { return r.max_jina_tokens; },
          {.name = "max_jina_tokens", .flag = "max-jina-tokens", .group = Prompt,
           .help = "and so does Jina CLIP", .least = 2, .most = kMaxJinaTokens}),

      integer_row([](auto& r) -> auto& { return r.width; },
          {.name = "width", .flag = "width", .letter = 'W', .group = Picture,
           .help = "pixels, a multiple of 16", .unset = "the model's own", .least = 16, .most = kMaxSide}),
      integer_row([](auto& r) -> auto& { return r.height; },
          {.name = "height", .flag = "height", .letter = 'H', .group = Picture,
           .help = "pixels, a multiple of 16", .unset = "the model's own", .least = 16, .most = kMaxSide}),
      seed_row(
          {.name = "seed", .flag = "seed", .letter = 's', .value = "N", .group = Picture,
           .help = "of the noise; -1: a random one"}),
      integer_row([](auto& r) -> auto& { return r.batch; },
          {.name = "batch", .other_names = {"batch_count"}, .flag = "batch-count", .letter = 'b', .group = Picture,
           .help = "how many pictures", .least = 1, .most = kMaxBatch}),
      choice_row(batch_noises(), [](auto& r) -> auto& { return r.batch_noise; },
          {.name = "batch_noise", .flag = "batch-noise", .group = Picture,
           .help = "seeds: picture k is that of seed + k;\nslices: of one large draw, as in ComfyUI",
           .unused = one_picture}),
      integer_row([](auto& r) -> auto& { return r.vae_tile; },
          {.name = "vae_tiling", .flag = "vae-tiling", .value = "PIXELS", .implied = "512", .group = Picture,
           .help = "decode larger pictures in overlapping tiles of PIXELS: less memory,\nnearly the same picture",
           .unset = "whole", .least = 64, .most = kMaxSide, .multiple = 32, .recorded = Recorded::IfChanged}),

      integer_row([](auto& r) -> auto& { return r.preview_every; },
          {.name = "preview_every", .flag = "preview-every", .group = WhileDrawing,
           .help = "steps between previews", .unset = "none", .least = 1, .most = kMaxSteps,
           .recorded = Recorded::Never, .in_lists = false}),
      choice_row(preview_methods(), [](auto& r) -> auto& { return r.preview_method; },
          {.name = "preview_method", .flag = "preview-method", .group = WhileDrawing,
           .help = "linear: at once, blurred; decode: by the autoencoder", .recorded = Recorded::Never,
           .in_lists = false, .unused = without_preview}),

      picture_row(&Request::init_image,
          {.name = "init_image", .flag = "init-img", .letter = 'i', .group = FromAPicture,
           .help = "PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF to start from; resized to `width` and\n`height`, which default to its own size"}),
      choice_row(init_fits(), [](auto& r) -> auto& { return r.init_fit; },
          {.name = "init_fit", .flag = "init-fit", .group = FromAPicture,
           .help = "a picture of other proportions: its middle, all of it with its edges\ngoing on, or out of shape",
           .recorded = Recorded::IfUsed, .unused = without_init_picture}),
      real_row([](auto& r) -> auto& { return r.strength; },
          {.name = "strength", .flag = "strength", .group = FromAPicture,
           .help = "how much is drawn anew", .most = 1, .above = true, .recorded = Recorded::IfUsed,
           .unused = without_init_image}),
      choice_row(strength_rules(), [](auto& r) -> auto& { return r.strength_rule; },
          {.name = "strength_rule", .flag = "strength-rule", .group = FromAPicture,
           .help = "diffusers: fewer steps;\ncomfyui: as many steps as asked for, closer together",
           .recorded = Recorded::IfUsed, .unused = without_strength}),
      picture_row(&Request::mask,
          {.name = "mask", .flag = "mask", .group = FromAPicture,
           .help = "white is repainted, black comes back exactly"}),
      truth_row([](auto& r) -> auto& { return r.mask_invert; },
          {.name = "mask_invert", .flag = "mask-invert", .group = FromAPicture,
           .help = "black is repainted instead", .recorded = Recorded::IfChanged, .unused = without_mask}),
      real_row([](auto& r) -> auto& { return r.mask_blur; },
          {.name = "mask_blur", .flag = "mask-blur", .group = FromAPicture,
           .help = "soften the edge of the mask by X pixels", .unset = "sharp", .most = 256,
           .recorded = Recorded::IfChanged, .unused = without_mask}),
      truth_row([](auto& r) -> auto& { return r.only_masked; },
          {.name = "only_masked", .flag = "only-masked", .group = FromAPicture,
           .help = "draw the masked part alone, at `width` and `height`, and put it\nback into the picture, which keeps "
                   "its size", .recorded = Recorded::IfChanged, .unused = without_mask}),
      integer_row([](auto& r) -> auto& { return r.mask_padding; },
          {.name = "mask_padding", .flag = "mask-padding", .group = FromAPicture,
           .help = "pixels of the picture that are drawn around that part", .least = 0, .most = kMaxSide,
           .recorded = Recorded::IfUsed, .unused = without_only_masked}),
      truth_row([](auto& r) -> auto& { return r.keep_alpha; },
          {.name = "keep_alpha", .flag = "keep-alpha", .group = FromAPicture,
           .help = "give the picture the transparency of the one it starts from", .recorded = Recorded::IfChanged,
           .unused = without_alpha_to_keep}),
      real_row([](auto& r) -> auto& { return r.hires_scale; },
          {.name = "hires_scale", .other_names = {"hires"}, .flag = "hires", .group = FromAPicture,
           .help = "then a second pass, enlarged by X", .unset = "off", .least = 1, .most = 8,
           .recorded = Recorded::IfChanged}),
      real_row([](auto& r) -> auto& { return r.hires_strength; },
          {.name = "hires_strength", .flag = "hires-strength", .group = FromAPicture,
           .help = "of the second pass", .most = 1, .above = true, .recorded = Recorded::IfUsed,
           .unused = without_hires}),
      integer_row([](auto& r) -> auto& { return r.hires_steps; },
          {.name = "hires_steps", .flag = "hires-steps", .group = FromAPicture,
           .help = "of the second pass", .unset = "those of the first", .least = 1, .most = kMaxSteps,
           .recorded = Recorded::IfUsed, .unused = without_hires}),

      sampler_row(
          {.name = "sampler", .other_names = {"sampling_method"}, .flag = "sampling-method", .value = "NAME",
           .help = "how the noise levels are walked", .words = sampler_words(), .other_words = sampler_aliases(),
           .words_only = true, .our_word = our_sampler_name}),
      text_row([](auto& r) -> auto& { return r.schedule; },
          {.name = "schedule", .other_names = {"scheduler"}, .flag = "scheduler", .value = "NAME",
           .help = "the noise levels", .unset = "the sampler's own", .words = schedule_words(), .words_only = true}),
      integer_row([](auto& r) -> auto& { return r.steps; },
          {.name = "steps", .flag = "steps",
           .help = "intervals, with `schedule` simple up to 1000; with official grid points,\none more than intervals", .least = 1,
           .most = kMaxSteps}),
      plain_row(FieldKind::Reals, [](auto& r) -> auto& { return r.sigmas; },
          {.name = "sigmas", .flag = "sigmas", .value = "A,B,C",
           .help = "falling noise levels by hand, from 1 (noise) to 0,\ninstead of `schedule` and `steps`", .most = 1,
           .instead_of = {"schedule", "steps"}, .recorded = Recorded::IfChanged}),
      quality_row(
          {.name = "quality", .flag = "quality",
           .help = "how near to the picture that more steps do not change, instead of\n`sampler`, `schedule`, `steps` "
                   "and `sigmas`; ", .unset = "as those say",
           .instead_of = {"sampler", "schedule", "steps", "sigmas"}, .recorded = Recorded::Never}),
      real_row([](auto& r) -> auto& { return r.tolerance; },
          {.name = "tolerance", .flag = "tolerance",
           .help = "as many steps as keep the picture within X of the one that more steps\ndo not change, by an estimate, "
                   "instead of `quality`, `sampler`, `schedule`,\n`steps` and `sigmas`; X is of the latent, whose own size "
                   "is about 1:\n0.1 is hardly to be seen", .unset = "as those say", .least = kLeastTolerance, .most = 1,
           .instead_of = {"quality", "sampler", "schedule", "steps", "sigmas"}, .recorded = Recorded::IfChanged}),
      real_row([](auto& r) -> auto& { return r.shift; },
          {.name = "shift", .flag = "shift",
           .help = "of the schedule", .unset = "the model's own", .most = 100, .above = true,
           .unused = schedule_without_shift}),
      real_row([](auto& r) -> auto& { return r.eta; },
          {.name = "eta", .flag = "eta",
           .help = "share of fresh noise, of samplers that add some", .most = 1, .unused = sampler_without_noise}),
      real_row([](auto& r) -> auto& { return r.cfg; },
          {.name = "cfg", .other_names = {"cfg_scale"}, .flag = "cfg-scale",
           .help = "guidance; 1 is off and twice as fast", .least = -100, .most = 100}),
      real_row([](auto& r) -> auto& { return r.cfg_trunc; },
          {.name = "cfg_trunc", .flag = "cfg-trunc",
           .help = "guidance while t is below this; t: 0 noise, 1 data", .unset = "always",
           .least = -1e6, .most = 1e6, .meant_range = "0 to 1",
           .unused = without_guidance}),
      real_row([](auto& r) -> auto& { return r.cfg_hold; },
          {.name = "cfg_hold", .flag = "cfg-hold",
           .help = "leave the pass for the negative prompt out, and hold what guidance\nadded, while that changes the "
                   "velocity by less than X of it: 0.2, say", .unset = "never", .most = 10,
           .recorded = Recorded::IfChanged, .unused = without_guidance}),
      real_row([](auto& r) -> auto& { return r.renorm_cfg; },
          {.name = "renorm_cfg", .flag = "renorm-cfg",
           .help = "limit of the guided length, in unguided ones", .unset = "off", .most = 100,
           .unused = without_guidance}),
      real_row([](auto& r) -> auto& { return r.rescale_cfg; },
          {.name = "rescale_cfg", .flag = "rescale-cfg",
           .help = "RescaleCFG", .unset = "off", .most = 1, .unused = without_guidance}),
      adapters_row(
          {.name = "loras", .flag = "lora", .value = "FILE[:X]",
           .help = "a low-rank adapter, at X of its strength; may be repeated.\n\"FILE:0.8,layers.0=0.2\": "
                   "modules that a glob holds for have another one", .least = -100, .most = 100,
           .recorded = Recorded::IfChanged}),
      truth_row([](auto& r) -> auto& { return r.merge_adapters; },
          {.name = "merge_loras", .flag = "merge-lora",
           .help = "merge adapters into the weights, rounded once, instead of\ncomputing them beside the weights",
           .recorded = Recorded::IfUsed, .unused = without_adapters}),
      choice_row(cache_modes(), [](auto& r) -> auto& { return r.cache.mode; },
          {.name = "cache", .flag = "cache",
           .help = "steps that change little reuse, or extrapolate, what the layers\nbehind the first gave: not the same "
                   "picture; fewer steps are sooner and\nnearer to it",
           .recorded = Recorded::IfChanged}),
      real_row([](auto& r) -> auto& { return r.cache.threshold; },
          {.name = "cache_threshold", .flag = "cache-threshold",
           .help = "change of the first layer below which the cache acts", .most = 100, .recorded = Recorded::IfUsed,
           .unused = without_cache}),
  };
}
// clang-format on

}  // namespace

std::span<const RequestField> request_fields() {
  static const std::vector<RequestField> fields = make_fields();
  return fields;
}

}  // namespace newbie
