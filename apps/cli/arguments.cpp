#include "arguments.h"

#include <algorithm>

#include "cache_file.h"
#include "core/error.h"
#include "core/files.h"
#include "field_words.h"
#include "flags.h"
#include "foreign_flags.h"
#include "from_picture.h"
#include "generate/init_picture.h"
#include "generate/request_fields.h"
#include "generate/request_notes.h"
#include "image/picture_format.h"
#include "output_path.h"
#include "precision_policy.h"
#include "profile.h"
#include "show/show.h"
#include "standard_streams.h"
#include "text/plain_text.h"
#include "text/prompt_format.h"
#include "text/utf8.h"

namespace newbie {

namespace {

constexpr size_t kMaxPromptBytes = size_t{1} << 20;
constexpr int kPreviewEvery = 4;

std::string joined_words(const RequestField& field) {
  std::string out;
  for (const std::string_view word : field.words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

// "what it does, 0 to 1 (default: 0.5)", in lines of a help text's width.
std::string help_of(const RequestField& field, const std::string& more) {
  const bool lists_words = field.kind == FieldKind::Text && !field.words.empty();
  std::string out = in_flags(field.help) + more;
  if (lists_words) out += (field.words_only ? ":\n" : "; names:\n") + joined_words(field);
  std::string facts;
  if (field.kind == FieldKind::Seed)
    facts = "0 to 18446744073709551615";
  else if (!field.meant_range.empty())
    facts = field.meant_range;
  else if (field.most > field.least)
    facts = range_words(field);
  const OrderedJson value = field.get(GenerateRequest());
  const std::string normal = !field.unset.empty() ? std::string(field.unset)
                             : value.is_number() || (value.is_string() && value != "")
                                 ? words_of_value(field, value).front()
                                 : "";
  if (!normal.empty()) facts += fmt::format("{}(default: {})", facts.empty() ? "" : " ", normal);
  if (!field.implied.empty()) facts += fmt::format(" (without {}: {})", field.value, field.implied);
  if (facts.empty()) return out;
  const size_t last_line = out.size() - (out.rfind('\n') == out.npos ? 0 : out.rfind('\n') + 1);
  constexpr size_t kWidth = 72;
  const char* between = last_line + facts.size() + 2 > kWidth ? "\n" : facts.front() == '(' ? " " : "; ";
  return out + (out.empty() ? "" : between) + facts;
}

std::string type_of(const RequestField& field) {
  if (field.kind == FieldKind::Choice) {
    std::string out;
    for (const std::string_view word : field.words) out.append(out.empty() ? "" : "|").append(word);
    return out;
  }
  return std::string(field.value) + (field.words.empty() ? "" : kTypeWords + joined_words(field) + ")");
}

std::string names_of(const RequestField& field) {
  return (field.letter != 0 ? fmt::format("-{},", field.letter) : "") + fmt::format("--{}", field.flag);
}

// Flags of fields, added one by one, with what excludes what.
class FieldFlags {
 public:
  FieldFlags(CLI::App& parser, GenerateRequest& request) : parser_(parser), request_(request) {}

  // All of a group but those in `without`.
  void group(FieldGroup group, std::initializer_list<std::string_view> without = {}) {
    for (const RequestField& field : request_fields())
      if (field.group == group && std::ranges::find(without, field.name) == without.end()) add(field);
  }

  CLI::Option* add(std::string_view name) { return add(request_field(name)); }

  // One whose words go elsewhere first: a prompt that may be read from a file, a picture's name.
  CLI::Option* text(std::string_view name, std::optional<std::string>& target, const std::string& more_help = {}) {
    const RequestField& field = request_field(name);
    return flags(field).text(names_of(field), target, std::string(field.value), help_of(field, more_help));
  }

 private:
  Flags flags(const RequestField& field) const { return {parser_, std::string(name_in(field_groups(), field.group))}; }

  CLI::Option* add(const RequestField& field) {
    GenerateRequest& request = request_;
    if (field.kind == FieldKind::Truth) {
      const auto set = [&field, &request](int64_t times) { field.set(request, OrderedJson(times > 0)); };
      return parser_.add_flag_function(names_of(field), set, help_of(field, ""))
          ->group(std::string(name_in(field_groups(), field.group)));
    }
    if (field.kind == FieldKind::Adapters) return add_list(field);
    CLI::Option* option = flags(field).value(
        names_of(field), type_of(field), help_of(field, ""),
        [&field, &request](const std::string& words) { field.set(request, value_of(field, words)); });
    if (!field.implied.empty()) option->expected(0, 1)->default_str(std::string(field.implied));
    for (const std::string_view other : field.instead_of)
      option->excludes(parser_.get_option("--" + std::string(request_field(other).flag)));
    return option;
  }

  static OrderedJson value_of(const RequestField& field, const std::string& words) {
    try {
      return value_of_words(field, words);
    } catch (const Error& e) {
      const std::string_view hint = foreign_value_hint(field, words);
      if (hint.empty()) throw;
      throw Error(e.kind(), e.message().substr(field.name.size() + 2),
                  e.hint().empty() ? std::string(hint) : fmt::format("{}; {}", e.hint(), hint), e.field());
    }
  }

  // A flag that may be repeated.
  CLI::Option* add_list(const RequestField& field) {
    const auto set = [&field, &request = request_](const std::vector<std::string>& given) {
      OrderedJson all = OrderedJson::array();
      for (const std::string& words : given)
        for (OrderedJson& one : value_of_words(field, words)) all.push_back(std::move(one));
      set_field(field, request, all);
    };
    return parser_.add_option_function<std::vector<std::string>>(names_of(field), set, help_of(field, ""))
        ->allow_extra_args(false)
        ->type_name(type_of(field))
        ->group(std::string(name_in(field_groups(), field.group)));
  }

  CLI::App& parser_;
  GenerateRequest& request_;
};

// "auto" is none.
std::optional<DType> parse_compute_dtype(std::string_view what, const std::string& given) {
  if (given == "auto") return std::nullopt;
  const std::optional<DType> dtype = find_dtype(given);
  for (const DType known : {DType::F32, DType::BF16, DType::F16, DType::I8})
    if (dtype == known) return dtype;
  fail_with_hint(ErrorKind::InvalidRequest, "possible: auto, f32, bf16, f16, int8", "{}: unknown value '{}'", what,
                 given);
}

}  // namespace

std::string read_prompt(const std::string& file) {
  std::string text = plain_text(file == "-" ? read_standard_input(kMaxPromptBytes) : read_file(file, kMaxPromptBytes));
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
  flags.value("--dtype", "auto|f32|bf16|f16|int8",
              "numbers to compute in; auto: bf16 where the CPU has it;\nf16 is emulated (newbie precision)",
              [&request](const std::string& given) { request.dtype = parse_compute_dtype("--dtype", given); });
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
               [&a](const std::string& given) { a.options.memory_budget_bytes = parse_memory("--memory", given); });
  engine.choice<BackendChoice>("--backend", a.options.backend,
                               {{"cpu", BackendChoice::Cpu}, {"reference", BackendChoice::Reference}},
                               "reference: plain loops, very slow, to compare with");
  engine
      .value("--device", std::string("NAME") + kTypeWords + "auto, cpu, vulkan)",
             "where networks run: cpu (default), vulkan, vulkan:NUMBER or\nvulkan:NAME as newbie devices lists them, "
             "or auto: "
             "a card if there\nis one that can be taken, else the CPU",
             [&a](const std::string& given) {
               DeviceChoice choice = choose_device(given);
               if (choice.backend == BackendChoice::Vulkan) a.options.backend = choice.backend;
               a.options.device = std::move(choice.device);
               a.options.device_reason = std::move(choice.reason);
             })
      ->envname("NEWBIE_DEVICE");
  engine.value("--vram", "SIZE", "limit for a card's memory (default: what its driver leaves, less a tenth)",
               [&a](const std::string& given) { a.options.device_budget_bytes = parse_memory("--vram", given); });
  engine.choice<GuardMode>(
      "--guard", a.options.guard, guard_modes(),
      "where numbers stop being finite or a picture comes out plain:\nwarn, run the block again in "
      "f32 (default), or fail at once");
  engine.text("--text-cache", a.options.text_cache, "DIR",
              "keep what the text encoders make of prompts there: a prompt that\ncomes again needs no encoder");
  engine.text(
      "--weight-cache", a.options.weight_cache, "DIR",
      "keep prepared weights there, as large as the model: later runs start\nsooner and use them where they lie");
  engine.text("--lora-dir", a.options.adapters.folder, "DIR",
              "where adapters are looked for that --lora and <lora:NAME> name");
  engine.switch_off("--no-fuse", a.options.fuse, "run without fused kernels, to compare with");
}

void add_report_flags(CLI::App& parser, ReportArguments& a) {
  Flags flags(parser, "Messages");
  flags.flag("--json", a.json, "one JSON object on standard output, at the end");
  flags.flag("-q,--quiet", a.verbosity.quiet, "errors only");
  flags.flag("-v,--verbose", a.verbosity.verbose, "tell more");
}

void add_picture_flags(CLI::App& parser, PictureArguments& a) {
  FieldFlags fields(parser, a.request);
  Flags prompt(parser, "Prompt");
  CLI::Option* text = fields.text("prompt", a.prompt, "; - reads standard input");
  prompt.text("--prompt-file", a.prompt_file, "FILE", "the prompt from a file; - is standard input")->excludes(text);
  fields.group(FieldGroup::Prompt, {"prompt"});
  prompt.text("--wildcards", a.wildcard_folder, "DIR",
              "__name__ in prompts: a line of DIR/name.txt, chosen by the seed");
  prompt.flag("--format-prompt", a.format_prompt, "put XML prompts in order first, as newbie prompt format does");

  fields.group(FieldGroup::Picture);
  Flags picture(parser, "Picture");
  picture.text("-o,--output", a.output, "PATH", output_help() + fmt::format(" (default: {})", a.output));
  picture.integer("--file-quality", a.quality,
                  fmt::format("of JPEG and WebP, 1 to 100; 100: WebP is lossless\n(default: {})", a.quality), 1, 100);
  picture.text("--grid", a.grid, "FILE", "all pictures of the batch on one sheet, too");

  Flags preview(parser, "While drawing");
  preview
      .text("--preview", a.preview, "FILE",
            fmt::format("a file with what the picture is going to be, every {} steps, removed at\nthe end (without "
                        "FILE: the output's name with .preview.png); a file that is\nthere stays, and the preview has "
                        "another name",
                        kPreviewEvery))
      ->expected(0, 1)
      ->default_str("-");
  fields.group(FieldGroup::WhileDrawing);
  preview.flag("--keep-preview", a.keep_preview, "leave the last preview there");
  preview
      .named("--show", a.show, "PROTOCOL", show_protocols(),
             fmt::format("pictures and previews in the terminal; {}\n(default: what the terminal can do)",
                         show_protocols()))
      ->expected(0, 1)
      ->default_str(kShowAuto);

  fields.text("init_image", a.init_image, "; - reads standard input");
  fields.text("mask", a.mask);
  fields.group(FieldGroup::FromAPicture, {"init_image", "mask"});
  Flags(parser, "From a picture")
      .text("--from", a.from, "FILE",
            "draw a picture again: the request is read from it, also from pictures\nof A1111, ComfyUI and others, "
            "and from .txt and .json of what they\nwrite; flags given beside it win");

  add_sampling_flags(parser, a.request);
  Flags(parser, "Sampling")
      .named("--profile", a.profile, "NAME|FILE", profile_names(),
             fmt::format("flags from a TOML file, or one of: {};\nflags given beside it win", profile_names()));
}

void add_field_flag(CLI::App& parser, std::string_view field, GenerateRequest& request) {
  FieldFlags(parser, request).add(field);
}

void add_sampling_flags(CLI::App& parser, GenerateRequest& r) { FieldFlags(parser, r).group(FieldGroup::Sampling); }

bool read_request(CLI::App& parser, PictureArguments& a, size_t memory_budget_bytes, Log& log) {
  if (a.profile) apply_profile(parser, *a.profile);
  GenerateRequest& r = a.request;
  if (r.preview_every > 0 && !a.preview) a.preview = "-";
  if (a.preview && r.preview_every == 0) r.preview_every = kPreviewEvery;
  if (a.init_image == "-" && (a.prompt == "-" || a.prompt_file == "-"))
    fail(ErrorKind::InvalidRequest, "--init-img -: standard input cannot be the prompt, too");
  for (const auto& [flag, file] : {std::pair{"--mask", a.mask}, {"--from", a.from}})
    if (file == "-")
      fail_with_hint(ErrorKind::InvalidRequest, "save it to a file first", "{} -: it is not read from standard input",
                     flag);
  const size_t memory = memory_left_for_pictures(memory_budget_bytes);
  if (a.from) a.recalled = recall_request(parser, *a.from, r);
  if (a.prompt_file)
    r.prompt = read_prompt(*a.prompt_file);
  else if (a.prompt)
    r.prompt = *a.prompt == "-" ? read_prompt("-") : *a.prompt;
  if (r.system_prompt) require_text("the system prompt", *r.system_prompt);
  if (a.init_image == "-") {
    constexpr size_t kMaxPictureBytes = size_t{512} << 20;
    const std::string bytes = read_standard_input(kMaxPictureBytes);
    r.init_image = read_start_picture(std::as_bytes(std::span(bytes)), "standard input", memory, log);
  } else if (a.init_image) {
    r.init_image = read_start_picture(*a.init_image, memory, log);
  }
  if (a.mask) r.mask = read_picture(*a.mask, {.max_memory_bytes = memory}).image;
  const bool is_given = a.prompt || a.prompt_file;
  const CLI::Option* list = parser.get_option_no_throw("--prompts");
  if (a.recalled && !is_given && (list == nullptr || list->count() == 0)) require_prompt(*a.recalled, *a.from);
  return is_given || (a.recalled && a.recalled->find("prompt") != nullptr);
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

void warn_of_unused(const PictureArguments& a, const OutputPath& output, Log& log) {
  for (const std::string& words : request_notes(a.request)) log.warn("{}", words);
  if (a.quality != PictureArguments().quality && output.format() == PictureFormat::Png)
    log.warn("--file-quality does nothing with PNG, which loses nothing");
  if (a.request.keep_alpha && output.format() == PictureFormat::Jpeg)
    log.warn("--keep-alpha does nothing with JPEG, which has no transparency");
  if (a.keep_preview && !a.preview) log.warn("--keep-preview does nothing without --preview");
  if (a.wildcard_folder && a.wildcards && !a.wildcards->were_used())
    log.warn("--wildcards does nothing: no __name__ in the prompts");
}

bool complete_request(CLI::App& parser, PictureArguments& a, size_t memory_budget_bytes, Log& log) {
  const bool has_prompt = read_request(parser, a, memory_budget_bytes, log);
  resolve_prompts(a, a.request);
  return has_prompt;
}

}  // namespace newbie
