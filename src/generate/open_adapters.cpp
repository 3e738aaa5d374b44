#include "generate/open_adapters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "core/edit_distance.h"
#include "core/files.h"
#include "core/printable.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAdapterEnding = ".safetensors", kTag = "<lora:";
constexpr int kDeepestFolder = 4;
constexpr size_t kMostFiles = 100'000;
constexpr size_t kMostKept = 64;  // adapters that are not read again

void add_adapters(const fs::path& folder, int depth, std::vector<NamedAdapter>& out) {
  std::error_code error, ignored;
  for (const fs::path& path : list_folder(folder, error)) {
    if (out.size() >= kMostFiles) return;
    if (fs::is_directory(path, ignored)) {
      if (fs::is_regular_file(path / "adapter_model.safetensors", ignored))
        out.push_back({path.filename().string(), path});
      else if (depth > 0)
        add_adapters(path, depth - 1, out);
    } else if (path.extension() == kAdapterEnding) {
      out.push_back({path.stem().string(), path});
    }
  }
}

std::string nearest_name(const std::vector<NamedAdapter>& files, const std::string& name) {
  std::string nearest;
  size_t least = 3 + name.size() / 3;
  for (const NamedAdapter& file : files)
    if (const size_t distance = edit_distance(name.substr(0, 200), file.name.substr(0, 200)); distance < least) {
      least = distance;
      nearest = file.name;
    }
  return nearest;
}

// In the folder; a name that leads out of it leads nowhere.
fs::path find_inside(const std::string& name, const fs::path& folder) {
  std::error_code error;
  const fs::path relative(name);
  if (folder.empty() || relative.is_absolute() || std::ranges::find(relative, fs::path("..")) != relative.end())
    fail(ErrorKind::BadFile, "adapter {}: expected a name in the folder of adapters, got {}", in_quotes(name),
         folder.empty() ? "no such folder" : "a path out of it");
  const fs::path inside = folder / name;
  if (const fs::path with_ending = inside.string() + std::string(kAdapterEnding); fs::exists(with_ending, error))
    return with_ending;
  if (fs::exists(inside, error)) return inside;
  const std::vector<NamedAdapter> files = list_adapters(folder);
  std::vector<fs::path> found;
  for (const NamedAdapter& file : files)
    if (file.name == name) found.push_back(file.path);
  if (found.size() == 1) return found.front();
  std::ranges::sort(found);
  if (found.size() > 1)
    fail_with_hint(ErrorKind::BadFile, "name it with its folder", "adapter {}: expected one, got {} and {}",
                   in_quotes(name), found[0].string(), found[1].string());
  const std::string near = nearest_name(files, name);
  fail_with_hint(
      ErrorKind::BadFile, near.empty() ? "newbie lora info FILE tells what a file is" : "did you mean " + near,
      "adapter {}: there is none of this name among {} in {}", in_quotes(name), files.size(), folder.string());
}

// Of the files that a change of would make it another adapter; one that is not there has an empty one.
std::vector<FileStamp> adapter_stamps(const Adapter& adapter) {
  std::vector<FileStamp> out;
  std::error_code ignored;
  for (const fs::path& path : {adapter.path, adapter.path.parent_path() / "adapter_config.json"})
    out.push_back(fs::is_regular_file(path, ignored) ? MappedFile(path).stamp() : FileStamp{});
  return out;
}

}  // namespace

std::vector<NamedAdapter> list_adapters(const fs::path& folder) {
  std::vector<NamedAdapter> out;
  add_adapters(folder, kDeepestFolder, out);
  return out;
}

fs::path find_adapter(const std::string& name, const AdapterPlace& place) {
  if (place.only_there) return find_inside(name, place.folder);
  std::error_code error;
  if (fs::exists(name, error)) return name;
  if (fs::exists(name + std::string(kAdapterEnding), error)) return name + std::string(kAdapterEnding);
  if (place.folder.empty() || fs::path(name).is_absolute())
    fail_with_hint(ErrorKind::BadFile, "a path, or a name in the folder that --lora-dir names",
                   "adapter {}: there is no such file", in_quotes(name));
  return find_inside(name, place.folder);
}

std::shared_ptr<const Adapter> AdapterLibrary::get(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  if (!base_) base_ = adapter_base(transformer_.weights, transformer_.sizes, &text_encoder_.weights);
  const auto known = items_.find(path);
  if (known != items_.end() && known->second.stamps == adapter_stamps(*known->second.adapter))
    return known->second.adapter;
  auto adapter = std::make_shared<const Adapter>(read_adapter(path, *base_));
  if (items_.size() >= kMostKept) items_.clear();
  items_[path] = {adapter_stamps(*adapter), adapter};
  return adapter;
}

std::vector<UsedAdapter> AdapterLibrary::open(std::span<const AdapterUse> uses, Log& log) {
  std::vector<UsedAdapter> out;
  for (const AdapterUse& use : uses) {
    std::shared_ptr<const Adapter> adapter = get(find_adapter(use.name, place_));
    log.info("{}: {} of {} modules, {}, strength {}", adapter->name, adapter->modules, adapter->modules,
             adapter->naming, use.strength);
    for (const std::string& note : adapter->notes) log.info("{}: {}", adapter->name, note);
    if (!use.sha256.empty() && use.sha256 != adapter->hash)
      log.warn("{}: another file than the one asked for, whose SHA-256 is {}", adapter->path.string(), use.sha256);
    out.push_back({std::move(adapter), {use.strength, use.blocks}});
  }
  return out;
}

std::shared_ptr<const AdaptedWeights> AdapterLibrary::lay_over(AdapterPart part, std::span<const UsedAdapter> used,
                                                               AdapterMode mode) {
  AdaptedPart adapted = adapt_part(weights(part), part, used, mode);
  if (adapted.attached.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  std::erase_if(laid_over_, [](const auto& known) { return known.second.expired(); });
  std::weak_ptr<const AdaptedWeights>& known = laid_over_[adapted.tag];
  if (auto there = known.lock()) return there;
  auto made = std::make_shared<const AdaptedWeights>(weights(part), std::move(adapted));
  known = made;
  return made;
}

std::shared_ptr<const AdaptedWeights> AdapterLibrary::find(const std::string& tag) {
  if (tag.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto known = laid_over_.find(tag);
  std::shared_ptr<const AdaptedWeights> out = known == laid_over_.end() ? nullptr : known->second.lock();
  if (!out) fail(ErrorKind::Internal, "adapters {} are not in use", tag);
  return out;
}

PromptAdapters take_prompt_adapters(const std::string& prompt) {
  PromptAdapters out;
  std::string_view rest = prompt;
  while (true) {
    const size_t at = rest.find(kTag), end = at == std::string_view::npos ? at : rest.find('>', at);
    if (end == std::string_view::npos) break;
    out.prompt += rest.substr(0, at);
    std::string_view inside = rest.substr(at + kTag.size(), end - at - kTag.size());
    rest.remove_prefix(end + 1);
    AdapterUse use;
    // A second strength, which others write for the text encoder, is refused with the rest of what is no number.
    if (const size_t colon = inside.find(':'); colon != std::string_view::npos) {
      const std::string_view text = inside.substr(colon + 1);
      const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), use.strength);
      if (error != std::errc() || stop != text.data() + text.size() || !std::isfinite(use.strength))
        fail_with_hint(ErrorKind::InvalidRequest, "<lora:NAME> or <lora:NAME:0.8>",
                       "the prompt: expected a strength in <lora:{}>, got {}", inside, in_quotes(text));
      inside = inside.substr(0, colon);
    }
    if (inside.empty()) fail(ErrorKind::InvalidRequest, "the prompt: expected a name in <lora:…>, got none");
    use.name = std::string(inside);
    out.adapters.push_back(std::move(use));
    // A list of tags keeps no empty place where one of them stood, and a comma behind it still parts its neighbours.
    const bool after_comma = out.prompt.empty() || out.prompt.ends_with(", ");
    if (after_comma && rest.starts_with(", "))
      rest.remove_prefix(2);
    else if (rest.starts_with(',') && out.prompt.ends_with(' ') && !after_comma)
      out.prompt.pop_back();
    else if ((after_comma || out.prompt.ends_with(' ')) && rest.starts_with(' '))
      rest.remove_prefix(1);
  }
  out.prompt += rest;
  if (!out.adapters.empty()) {
    const size_t last = out.prompt.find_last_not_of(", ");
    out.prompt.resize(last == std::string::npos ? 0 : last + 1);
  }
  return out;
}

}  // namespace newbie
