#include "from_picture.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "field_words.h"
#include "generate/metadata.h"
#include "image/picture_format.h"

namespace newbie {

bool is_recalled_text(const std::string& file) { return file.ends_with(".json") || file.ends_with(".txt"); }

Recollection read_recollection(const std::string& file) {
  std::optional<Recollection> out;
  if (is_recalled_text(file))
    out = recall_text(read_file(file, kMaxRecalledBytes), file);
  else
    out = recall(read_picture_texts(file).texts, file);
  if (!out)
    fail_with_hint(ErrorKind::BadFile,
                   "newbie, A1111, ComfyUI and others write it into their pictures; other programs may have removed it",
                   "{}: says nothing about how it was drawn", file);
  return std::move(*out);
}

void require_prompt(const Recollection& recalled, const std::string& file) {
  if (const std::string* prompt = recalled.find("prompt"); prompt != nullptr) return;
  std::string notes;
  for (const std::string& note : recalled.notes) notes += (notes.empty() ? "" : "; ") + note;
  fail_with_hint(ErrorKind::BadFile, "give one with `prompt`", "{}: no prompt could be read from it{}{}", file,
                 notes.empty() ? "" : ": ", notes);
}

Recollection recall_request(CLI::App& parser, const std::string& file, GenerateRequest& request) {
  Recollection out = read_recollection(file);
  std::set<const CLI::Option*> given;
  for (const CLI::Option* option : parser.get_options())
    if (option->count() > 0) given.insert(option);
  const auto is_given = [&](const char* flag) { return given.contains(parser.get_option_no_throw(flag)); };
  std::set<const CLI::Option*> taken;
  for (const auto& [name, value] : out.fields) {
    if (name == "prompt") {  // "-" would be read from standard input
      if (!is_given("--prompt") && !is_given("--prompt-file")) request.prompt = value;
      continue;
    }
    CLI::Option* option = parser.get_option_no_throw(flag_of(name));
    if (option == nullptr) fail(ErrorKind::Internal, "no flag {} for what a picture says", flag_of(name));
    const std::set<CLI::Option*> excluded = option->get_excludes();
    if (given.contains(option) || std::ranges::any_of(excluded, [&](auto* o) { return given.contains(o); })) continue;
    // A dtype and a preset may be given together, but one given by hand need not fit the other of the picture.
    if ((name == "dtype" && is_given("--precision")) || (name == "precision" && is_given("--dtype"))) continue;
    if (option->count() > 0 && !taken.contains(option)) continue;                         // a profile says it
    if (!taken.insert(option).second && option->get_items_expected_max() == 1) continue;  // said twice
    try {
      option->add_result(value);
      option->run_callback();
    } catch (const Error& e) {
      throw Error(ErrorKind::InvalidRequest, fmt::format("{}: {}", file, e.message()), e.hint());
    } catch (const CLI::Error& e) {
      fail(ErrorKind::InvalidRequest, "{}: {}: {}", file, name, e.what());
    }
  }
  return out;
}

void tell_differences(const Recollection& recalled, const GenerateRequest& request, TextToImage& engine, Log& log) {
  const TextToImage::Fingerprints& parts = engine.fingerprints();
  if (!recalled.precision_policy.empty() && recalled.precision_policy != engine.precision().policy.hash())
    log.warn("--from: drawn with another precision, or with --precision-policy: the picture will differ");
  for (const std::string& note : recalled.notes) log.warn("--from: {}", note);
  const auto compare = [&](const char* part, const std::string& then, const std::string& now) {
    if (!then.empty() && then != now)
      log.warn("--from: drawn with another {} ({:.10}, this one is {:.10}): the picture will differ", part, then, now);
  };
  compare("transformer", recalled.parts.transformer, parts.transformer);
  compare("text encoder", recalled.parts.text_encoder, parts.text_encoder);
  compare("CLIP model", recalled.parts.clip_model, parts.clip_model);
  compare("autoencoder", recalled.parts.vae, parts.vae);
  const auto source = [&](const char* what, const char* flag, const std::string& then,
                          const std::optional<Image>& now) {
    if (then.empty()) return;
    if (!now)
      fail_with_hint(ErrorKind::InvalidRequest, fmt::format("give it with {}", flag),
                     "--from: drawn from {}, which the picture does not hold", what);
    if (picture_hash(*now) != then) log.warn("--from: drawn from {} with other pixels than {} has", what, flag);
  };
  source("a picture", "--init-img", recalled.init_image, request.init_image);
  source("a mask", "--mask", recalled.mask, request.mask);
}

}  // namespace newbie
