#include "open_model.h"

#include <sys/stat.h>

#include "core/machine.h"
#include "generate/find_model.h"
#include "own_request.h"
#include "serve/text_to_image_engine.h"

namespace newbie {

namespace {

// What people call it: the folder's name, else that of the transformer's file.
std::filesystem::path model_path(const ModelPaths& paths) {
  std::filesystem::path path = paths.folder.empty() ? paths.transformer : paths.folder;
  if (path.filename().empty()) path = path.parent_path();  // a slash at the end
  return path;
}

double changed_at(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<double>(info.st_mtime) : 0;
}

}  // namespace

std::unique_ptr<OpenModel> open_model(const ModelPaths& given, const EngineOptions& options, ServiceOptions service,
                                      const ServerLimits& limits, Log& log) {
  const ModelPaths paths = find_model(given);
  const std::filesystem::path path = model_path(paths);
  auto engine = std::make_unique<TextToImageEngine>(paths, options, log);
  auto out = std::make_unique<OpenModel>();
  out->name = path.stem().string();
  out->created = changed_at(path);
  out->known = read_known(paths.folder);
  out->default_size = engine->final_size({});
  out->threads = engine->engine().threads();
  out->adapters = options.adapters;
  out->precision = engine->engine().precision_name();
  out->precision_preset = to_string(engine->engine().precision().preset);
  out->precision_reasons = engine->engine().precision_reasons();
  out->memory_budget_bytes =
      options.memory_budget_bytes != 0 ? options.memory_budget_bytes : available_memory_bytes() + resident_bytes();

  const ModelPaths parts = locate_model(paths).paths;
  const std::shared_ptr<Tokenizer> gemma = open_text_encoder(parts.text_encoder, silent_log()).open_tokenizer();
  const std::shared_ptr<Tokenizer> jina = open_clip_model(parts.clip_model, silent_log()).open_tokenizer();
  out->count_tokens = [gemma, jina](std::string_view text, const PromptTree& tree, const TokenOptions& settings) {
    return count_prompt_tokens(text, tree, *gemma, *jina, settings);
  };

  out->engine = std::move(engine);
  service.memory_budget_bytes = out->memory_budget_bytes;
  service.read_request = [limits](const std::string& text) { return request_of_text(text, limits); };
  out->jobs = std::make_unique<JobService>(*out->engine, std::move(service), log);
  return out;
}

}  // namespace newbie
