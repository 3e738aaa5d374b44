#include "arguments.h"

#include <cerrno>
#include <cstdlib>
#include <random>

#include "cache_file.h"
#include "core/error.h"
#include "core/files.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "flags.h"
#include "from_picture.h"
#include "image/picture_format.h"
#include "output_path.h"
#include "precision_policy.h"
#include "profile.h"
#include "show/show.h"
#include "standard_streams.h"
#include "text/prompt_format.h"
#include "text/system_prompts.h"
#include "text/utf8.h"

namespace newbie {

namespace {

constexpr size_t kMaxPromptBytes = size_t{1} << 20;
constexpr int kPreviewEvery = 4;
constexpr int64_t kVaeTile = 512;

std::string list_system_prompts() {
  std::string out;
  for (const NamedSystemPrompt& known : system_prompts()) out += (out.empty() ? "" : ", ") + std::string(known.name);
  return out;
}

}  // namespace

// -1 asks for a random seed. The generator uses the low 32 bits, so a random one has no more.
uint64_t parse_seed(std::string_view what, const std::string& text) {
  if (text == "-1") return std::random_device{}();
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
    errno = 0;
    const unsigned long long seed = std::strtoull(text.c_str(), nullptr, 10);
    if (errno == 0) return seed;
  }
  fail(ErrorKind::InvalidRequest, "{}: expected -1 (random) or 0 to 18446744073709551615, got '{}'", what, text);
}

std::string read_prompt(const std::string& file) {
  std::string text = file == "-" ? read_standard_input(kMaxPromptBytes) : read_file(file, kMaxPromptBytes);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// The tokenizers would say so too, but not of a text they do not get to read, and a PNG takes neither.
void require_text(const char* what, const std::string& text) {
  if (const auto at = find_invalid_utf8(text))
    fail_with_hint(ErrorKind::InvalidRequest, "save it as UTF-8", "{}: byte {} is not UTF-8", what, *at);
  if (const size_t at = text.find('\0'); at != std::string::npos)
    fail(ErrorKind::InvalidRequest, "{}: byte {} is zero", what, at);
}

PrecisionPreset parse_precision_preset(std::string_view what, const std::string& given) {
  const auto preset = find_precision_preset(given);
  if (preset) return *preset;
  std::string names;
  for (const PrecisionPresetRow& row : precision_presets())
    names += (names.empty() ? "" : ", ") + std::string(row.name) +
             (row.other_name != nullptr ? fmt::format(" ({})", row.other_name) : "");
  fail_with_hint(ErrorKind::InvalidRequest, "possible: " + names, "{}: unknown value '{}'", what, given);
}

void add_precision_flags(Flags& flags, PrecisionRequest& request) {
  flags.choice<std::optional<DType>>(
      "--dtype", request.dtype,
      {{"auto", std::nullopt}, {"f32", DType::F32}, {"bf16", DType::BF16}, {"f16", DType::F16}, {"int8", DType::I8}},
      "numbers to compute in; auto: bf16 where the CPU has it;\nf16 is emulated (newbie precision)");
  std::string names;
  for (const PrecisionPresetRow& row : precision_presets())
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  flags.value("--precision", "PRESET", fmt::format("{}\n(default: the one of --dtype)", names),
              [&request](const std::string& given) { request.preset = parse_precision_preset("--precision", given); });
  flags.value("--precision-policy", "FILE", "rules by op and by path, in TOML, above the preset's",
              [&request](const std::string& given) {
                PrecisionPolicyFile policy = read_precision_policy(given);
                request.rules = std::move(policy.rules);
                request.rescales = std::move(policy.rescales);
              });
}

void add_model_flags(CLI::App& parser, EngineArguments& a, const std::string& without) {
  Flags model(parser, "Model");
  model.text("-m,--model", a.model.folder, "DIR",
             "folder with transformer, text_encoder, clip_model and vae, or ComfyUI's models folder\n(default: " +
                 without + ")");
  model.text("--diffusion-model", a.model.transformer, "PATH", "the transformer alone: a file or a folder");
  model.text("--text-encoder", a.model.text_encoder, "PATH", "Gemma 3 alone");
  model.text("--clip", a.model.clip_model, "PATH", "Jina CLIP alone");
  model.text("--vae", a.model.vae, "PATH", "the autoencoder alone");
  model.value_flag("--lenient", a.model.strictness, Strictness::Lenient,
                   "read files whose header is padded with NUL bytes");
}

void add_engine_flags(CLI::App& parser, EngineArguments& a, const std::string& without) {
  add_model_flags(parser, a, without);
  a.options.kept_hashes = cache_file("hashes.json");
  Flags engine(parser, "Engine");
  engine.integer("-t,--threads", a.options.threads, "threads (default: every CPU this process may use)", 1, 1024);
  add_precision_flags(engine, a.options.precision);
  engine.value("--memory", "SIZE",
               "limit for the whole process, as in 6GiB or 800MB\n(default: what the machine has left)",
               [&a](const std::string& given) { a.options.memory_budget_bytes = parse_bytes("--memory", given); });
  engine.choice<BackendChoice>("--backend", a.options.backend,
                               {{"cpu", BackendChoice::Cpu}, {"reference", BackendChoice::Reference}},
                               "reference: plain loops, very slow, to compare with");
  engine.choice<GuardMode>(
      "--guard", a.options.guard,
      {{"off", GuardMode::Off}, {"warn", GuardMode::Warn}, {"retry", GuardMode::Retry}, {"strict", GuardMode::Strict}},
      "where numbers stop being finite or a picture comes out plain:\nwarn, run the block again in "
      "f32 (default), or fail at once");
  engine.text("--text-cache", a.options.text_cache, "DIR",
              "keep what the text encoders make of prompts there: a prompt that\ncomes again needs no encoder");
  engine.text(
      "--weight-cache", a.options.weight_cache, "DIR",
      "keep prepared weights there, as large as the model: later runs start\nsooner and use them where they lie");
  engine.switch_off("--no-fuse", a.options.fuse, "run without fused kernels, to compare with");
}

void add_report_flags(CLI::App& parser, ReportArguments& a) {
  Flags flags(parser, "Messages");
  flags.flag("--json", a.json, "one JSON object on standard output, at the end");
  flags.flag("-q,--quiet", a.verbosity.quiet, "errors only");
  flags.flag("-v,--verbose", a.verbosity.verbose, "tell more");
}

void add_picture_flags(CLI::App& parser, PictureArguments& a) {
  GenerateRequest& r = a.request;
  Flags prompt(parser, "Prompt");
  CLI::Option* text = prompt.text("-p,--prompt", a.prompt, "TEXT", "XML, tags or sentences; - reads standard input");
  prompt.text("--prompt-file", a.prompt_file, "FILE", "the prompt from a file; - is standard input")->excludes(text);
  prompt.text("-n,--negative-prompt", r.negative_prompt, "TEXT", "what to steer away from");
  prompt.text("--wildcards", a.wildcard_folder, "DIR",
              "__name__ in prompts: a line of DIR/name.txt, chosen by the seed");
  prompt.flag("--format-prompt", a.format_prompt, "put XML prompts in order first, as newbie prompt format does");
  prompt.named("--system-prompt", r.system_prompt, "NAME|TEXT", list_system_prompts(),
               fmt::format("put before the prompt as it is; names: {}\n(default: xml if the prompt has a known tag, "
                           "else tags)",
                           list_system_prompts()));
  prompt.flag("--weights", r.weights,
              "(text:1.2), (text), [text], {text} in prompts are weights;\n\\( and \\) are parentheses");
  prompt.choice<Routing>("--routing", r.routing, {{"official", Routing::Official}, {"comfyui", Routing::ComfyUi}},
                         "comfyui: Jina CLIP reads the system prompt, too");
  prompt.integer("--max-gemma-tokens", r.max_gemma_tokens,
                 fmt::format("longer prompts are cut (default: {})", r.max_gemma_tokens), 1);
  prompt.integer("--max-jina-tokens", r.max_jina_tokens, fmt::format("(default: {})", r.max_jina_tokens), 1);

  Flags picture(parser, "Picture");
  picture.integer("-W,--width", r.width, "pixels, a multiple of 16 (default: the model's)", 1);
  picture.integer("-H,--height", r.height, "pixels, a multiple of 16 (default: the model's)", 1);
  picture.value("-s,--seed", "N", fmt::format("-1: random (default: {})", r.seed),
                [&r](const std::string& given) { r.seed = parse_seed("--seed", given); });
  picture.integer("-b,--batch-count", r.batch, fmt::format("how many pictures (default: {})", r.batch));
  picture.choice<BatchNoise>(
      "--batch-noise", r.batch_noise, {{"seeds", BatchNoise::Seeds}, {"slices", BatchNoise::Slices}},
      "seeds: picture k is that of seed + k (default);\nslices: of one large draw, as in ComfyUI");
  picture.text("-o,--output", a.output, "PATH", output_help() + fmt::format(" (default: {})", a.output));
  picture.integer("--quality", a.quality,
                  fmt::format("of JPEG and WebP, 1 to 100; 100: WebP is lossless\n(default: {})", a.quality), 1, 100);
  picture
      .integer(
          "--vae-tiling", r.vae_tile,
          fmt::format("decode larger pictures in overlapping tiles of PIXELS: less memory,\nnearly the same picture "
                      "(without PIXELS: {})",
                      kVaeTile),
          64)
      ->type_name("PIXELS")
      ->expected(0, 1)
      ->default_str(std::to_string(kVaeTile));
  picture.text("--grid", a.grid, "FILE", "all pictures of the batch on one sheet, too");

  Flags preview(parser, "While drawing");
  preview
      .text("--preview", a.preview, "FILE",
            "a file with what the picture is going to be, removed at the end\n"
            "(without FILE: the output's name with .preview.png)")
      ->expected(0, 1)
      ->default_str("-");
  preview.integer("--preview-every", r.preview_every, fmt::format("steps (default: {})", kPreviewEvery), 1, kMaxSteps);
  preview.choice<PreviewMethod>("--preview-method", r.preview_method,
                                {{"linear", PreviewMethod::Linear}, {"decode", PreviewMethod::Decode}},
                                "linear: at once, blurred (default);\ndecode: by the autoencoder");
  preview.flag("--keep-preview", a.keep_preview, "leave the last preview there");
  preview
      .named("--show", a.show, "PROTOCOL", show_protocols(),
             fmt::format("pictures and previews in the terminal; {}\n(default: what the terminal can do)",
                         show_protocols()))
      ->expected(0, 1)
      ->default_str(kShowAuto);

  Flags start(parser, "From a picture");
  start.text("-i,--init-img", a.init_image, "FILE",
             "PNG, JPEG or WebP to start from; resized to -W and -H, which default\nto its own size");
  start.real("--strength", r.strength, fmt::format("how much is drawn anew, above 0 to 1 (default: {})", r.strength));
  start.choice<StrengthRule>("--strength-rule", r.strength_rule,
                             {{"diffusers", StrengthRule::Diffusers}, {"comfyui", StrengthRule::ComfyUi}},
                             "diffusers: fewer steps (default);\ncomfyui: as many steps as asked for, closer together");
  start.text("--mask", a.mask, "FILE", "white is repainted, black comes back exactly");
  start.real("--hires", r.hires_scale, "then a second pass, enlarged by X (default: off)");
  start.real("--hires-strength", r.hires_strength, fmt::format("of the second pass (default: {})", r.hires_strength));
  start.integer("--hires-steps", r.hires_steps, "of the second pass (default: those of --steps)", 1, kMaxSteps);
  start.text("--from", a.from, "FILE",
             "draw a picture again: the request is read from it (ours, A1111's\nand ComfyUI's texts; also .json); "
             "flags given beside it win");

  add_sampling_flags(parser, r);
  Flags(parser, "Sampling")
      .named("--profile", a.profile, "NAME|FILE", profile_names(),
             fmt::format("flags from a TOML file, or one of: {};\nflags given beside it win", profile_names()));
}

void add_sampling_flags(CLI::App& parser, GenerateRequest& r) {
  Flags sampling(parser, "Sampling");
  sampling.named("--sampling-method", r.sampler, "NAME", sampler_names(),
                 fmt::format("{}\n(default: {})", sampler_names(), r.sampler));
  CLI::Option* scheduler = sampling.named("--scheduler", r.schedule, "NAME", schedule_names(),
                                          fmt::format("{}\n(default: the sampler's own)", schedule_names()));
  CLI::Option* steps = sampling.integer(
      "--steps", r.steps,
      fmt::format("intervals; with --scheduler official: grid points,\none more than intervals (default: {})",
                  r.steps));
  sampling
      .value("--sigmas", "A,B,C",
             "falling noise levels by hand, from 1 (noise) to 0,\ninstead of --scheduler and --steps",
             [&r](const std::string& given) { r.sigmas = parse_reals("--sigmas", given); })
      ->excludes(scheduler)
      ->excludes(steps);
  sampling.real("--shift", r.shift, fmt::format("of the schedule (default: {})", r.shift));
  sampling.real("--eta", r.eta, fmt::format("fresh noise of euler_a, 0 to 1 (default: {})", r.eta));
  sampling.real("--cfg-scale", r.cfg, fmt::format("guidance; 1 is off and twice as fast (default: {})", r.cfg));
  sampling.real("--cfg-trunc", r.cfg_trunc, "guidance while t is below this; t: 0 noise, 1 data\n(default: always)");
  sampling.real("--renorm-cfg", r.renorm_cfg, "limit of the guided length, in unguided ones (default: 0, off)");
  sampling.real("--rescale-cfg", r.rescale_cfg, "RescaleCFG, 0 to 1 (default: 0, off)");
  sampling.choice<CacheMode>(
      "--cache", r.cache.mode,
      {{"off", CacheMode::Off}, {"first-block", CacheMode::FirstBlock}, {"linear", CacheMode::Linear}},
      "steps that change little reuse, or extrapolate, what the layers\nbehind the first gave: sooner, not the same "
      "picture");
  sampling.real("--cache-threshold", r.cache.threshold,
                fmt::format("change of the first layer below which --cache acts\n(default: {})", r.cache.threshold));
}

bool read_request(CLI::App& parser, PictureArguments& a) {
  if (a.profile) apply_profile(parser, *a.profile);
  GenerateRequest& r = a.request;
  if (r.preview_every > 0 && !a.preview) a.preview = "-";
  if (a.preview && r.preview_every == 0) r.preview_every = kPreviewEvery;
  if (a.from) a.recalled = recall_request(parser, *a.from, r);
  if (a.prompt_file)
    r.prompt = read_prompt(*a.prompt_file);
  else if (a.prompt)
    r.prompt = *a.prompt == "-" ? read_prompt("-") : *a.prompt;
  if (r.system_prompt) require_text("the system prompt", *r.system_prompt);
  if (a.init_image) r.init_image = read_picture(*a.init_image).image;
  if (a.mask) r.mask = read_picture(*a.mask).image;
  return a.prompt || a.prompt_file || a.from;
}

void resolve_prompts(PictureArguments& a, GenerateRequest& r) {
  if (a.wildcard_folder && !a.wildcards) a.wildcards.emplace(*a.wildcard_folder);
  const auto resolve = [&](const char* what, std::string& text) {
    if (a.wildcards) text = a.wildcards->resolve(text, r.seed);
    require_text(what, text);
    if (a.format_prompt) text = format_prompt(text);
  };
  resolve("the prompt", r.prompt);
  resolve("the negative prompt", r.negative_prompt);
}

void warn_of_unused(const PictureArguments& a, Log& log) {
  const GenerateRequest& r = a.request;
  const GenerateRequest unset;
  const auto warn = [&](bool given, const char* flag, bool used, const char* by) {
    if (given && !used) log.warn("{} does nothing without {}", flag, by);
  };
  warn(r.strength != unset.strength, "--strength", r.init_image.has_value(), "--init-img");
  warn(r.strength_rule != unset.strength_rule, "--strength-rule", r.init_image.has_value(), "--init-img");
  warn(r.hires_strength != unset.hires_strength, "--hires-strength", r.hires_scale != 0, "--hires");
  warn(r.hires_steps != unset.hires_steps, "--hires-steps", r.hires_scale != 0, "--hires");
  warn(r.cache.threshold != unset.cache.threshold, "--cache-threshold", r.cache.mode != CacheMode::Off, "--cache");
  warn(r.preview_method != unset.preview_method, "--preview-method", a.preview.has_value(), "--preview");
}

bool complete_request(CLI::App& parser, PictureArguments& a) {
  const bool has_prompt = read_request(parser, a);
  resolve_prompts(a, a.request);
  return has_prompt;
}

}  // namespace newbie
