// Adapters by the names that requests call them: a file, a folder, or a name in a folder of adapters.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/log.h"
#include "generate/adapt_part.h"
#include "generate/adapter_place.h"
#include "generate/parts.h"
#include "generate/request.h"

namespace newbie {

// Where `name` is: itself when there is such a file or folder; else in the folder, with or without .safetensors, in its
// subfolders too. Error{BadFile} when there is none (it names what is near) or several.
std::filesystem::path find_adapter(const std::string& name, const AdapterPlace& place);

// What the folder holds, its subfolders included: files by their stems, a folder with PEFT's file by its own name.
struct NamedAdapter {
  std::string name;
  std::filesystem::path path;
};
std::vector<NamedAdapter> list_adapters(const std::filesystem::path& folder);

// Adapter files read against one model, each read once as long as it stays the same. Thread-safe.
class AdapterLibrary {
 public:
  // The parts must outlive the library.
  AdapterLibrary(const Transformer& transformer, const TextEncoder& text_encoder, AdapterPlace place)
      : transformer_(transformer), text_encoder_(text_encoder), place_(std::move(place)) {}

  // The adapters in the order of `uses`; what each file says of itself is told to `log` ("7 of 7 modules"), and a file
  // that is another one than `sha256` says.
  std::vector<UsedAdapter> open(std::span<const AdapterUse> uses, Log& log);

  // Adapters laid over one part; jobs that use the same ones alike share them. Null when they change nothing of it.
  std::shared_ptr<const AdaptedWeights> lay_over(AdapterPart part, std::span<const UsedAdapter> used, AdapterMode mode);
  // What a job has laid over a part and still uses, by its tag; null for an empty one.
  std::shared_ptr<const AdaptedWeights> find(const std::string& tag);

  const WeightStore& weights(AdapterPart part) const {
    return part == AdapterPart::Transformer ? static_cast<const Part&>(transformer_).weights : text_encoder_.weights;
  }

 private:
  struct Item {
    std::vector<FileStamp> stamps;
    std::shared_ptr<const Adapter> adapter;
  };
  std::shared_ptr<const Adapter> get(const std::filesystem::path& path);

  const Transformer& transformer_;
  const TextEncoder& text_encoder_;
  const AdapterPlace place_;
  std::mutex mutex_;
  std::optional<AdapterBase> base_;  // once it is needed
  std::map<std::filesystem::path, Item> items_;
  std::map<std::string, std::weak_ptr<const AdaptedWeights>> laid_over_;  // by tag
};

// "girl <lora:style:0.8>, solo": the prompt without its adapters, and these in their order. A strength that is no
// number, or an empty name, is Error{InvalidRequest}.
struct PromptAdapters {
  std::string prompt;
  std::vector<AdapterUse> adapters;
};
PromptAdapters take_prompt_adapters(const std::string& prompt);

}  // namespace newbie
