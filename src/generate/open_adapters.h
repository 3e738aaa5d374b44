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
#include "generate/parts.h"
#include "generate/request.h"

namespace newbie {

// Where names may lead.
struct AdapterPlace {
  std::filesystem::path folder;  // where they are looked for; may be empty
  bool only_there = false;       // for requests of strangers: no path of theirs is opened
};

// Where `name` is: itself when there is such a file or folder; else in the folder, with or without .safetensors, in its
// subfolders too. Error{BadFile} when there is none (it names what is near) or several.
std::filesystem::path find_adapter(const std::string& name, const AdapterPlace& place);

// Adapter files read against one model, each read once as long as it stays the same. Thread-safe.
class AdapterLibrary {
 public:
  // The parts must outlive the library.
  AdapterLibrary(const Transformer& transformer, const TextEncoder& text_encoder, AdapterPlace place)
      : transformer_(transformer), text_encoder_(text_encoder), place_(std::move(place)) {}

  // The adapters in the order of `uses`; what each file says of itself is told to `log` ("7 of 7 modules"), and a file
  // that is another one than `sha256` says.
  std::vector<UsedAdapter> open(std::span<const AdapterUse> uses, Log& log);

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
};

// "girl <lora:style:0.8>, solo": the prompt without its adapters, and these in their order. A strength that is no
// number, or an empty name, is Error{InvalidRequest}.
struct PromptAdapters {
  std::string prompt;
  std::vector<AdapterUse> adapters;
};
PromptAdapters take_prompt_adapters(const std::string& prompt);

}  // namespace newbie
