#include "adapters/read.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <tuple>

#include "adapters/group.h"
#include "core/files.h"
#include "models/foreign_models.h"
#include "weights/combine.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestConfig = 16 << 20;
constexpr size_t kNamedInMessages = 3;
constexpr size_t kReadAtOnce = 256 * 1024;  // elements

// In a folder: PEFT's and diffusers' names first, then the only file.
fs::path adapter_file(const fs::path& path) {
  if (fs::is_directory(path))
    for (const char* name : {"adapter_model.safetensors", "pytorch_lora_weights.safetensors"})
      if (fs::is_regular_file(path / name)) return path / name;
  return path;
}

// Words of other models in their adapters' keys, dots as underscores.
struct ForeignWord {
  std::string_view word, model;
};
constexpr ForeignWord kForeignWords[] = {
    {"single_transformer_blocks_", "FLUX.1 (diffusers naming)"},
    {"double_blocks_", "FLUX.1"},
    {"single_blocks_", "FLUX.1"},
    {"joint_blocks_", "Stable Diffusion 3"},
    {"te1_text_model_", "Stable Diffusion XL"},
    {"te_text_model_", "Stable Diffusion 1.x or 2.x"},
    {"down_blocks_", "Stable Diffusion"},
    {"up_blocks_", "Stable Diffusion"},
    {"mid_block_", "Stable Diffusion"},
    {"input_blocks_", "Stable Diffusion"},
    {"output_blocks_", "Stable Diffusion"},
    {"cross_attn_", "Wan"},
    {"transformer_blocks_", "Stable Diffusion 3 or Qwen-Image (diffusers naming)"},
};

std::optional<std::string_view> foreign_model_of(const std::vector<std::string>& modules) {
  HeaderShapes as_weights;
  for (const std::string& module : modules) as_weights.emplace(module + ".weight", std::vector<int64_t>{});
  if (const auto name = find_foreign_model(as_weights)) return name;
  for (const ForeignWord& row : kForeignWords)
    for (std::string module : modules) {
      std::ranges::replace(module, '.', '_');
      if (module.find(row.word) != std::string::npos) return row.model;
    }
  return std::nullopt;
}

template <typename Range, typename Words>
std::string first_few(const Range& items, const Words& words) {
  std::string list;
  size_t count = 0;
  for (const auto& item : items) {
    if (count == kNamedInMessages) return list + ", …";
    list += (count++ ? ", " : "") + words(item);
  }
  return list;
}

// The keys of a file in groups, and those that fit nothing.
struct Grouped {
  std::map<std::string, AdapterGroup> groups;
  std::map<std::string, std::string> strangers;  // key -> its module, or itself
  std::vector<std::string> unread;               // keys of kinds that are not read
  std::set<std::string_view> namings;
  std::map<std::string, std::string> adapters;  // PEFT's names of them -> a key with it
};

Grouped grouped(const OpenedWeights& files, const ModuleIndex& index) {
  Grouped out;
  for (const FileTensor& tensor : files.tensors) {
    const auto key = parse_adapter_key(tensor.key());
    if (key && key->role == AdapterRole::Unread) out.unread.push_back(tensor.key());
    if (!key || key->role == AdapterRole::Unread) {
      if (!key) out.strangers.emplace(tensor.key(), tensor.key());
      continue;
    }
    if (key->role != AdapterRole::Alpha) out.adapters.emplace(std::string(key->adapter), tensor.key());
    const std::string module(key->module);
    auto at = out.groups.find(module);
    if (at == out.groups.end()) {
      auto found = index.find(module);
      if (!found) {
        out.strangers.emplace(tensor.key(), module);
        continue;
      }
      at = out.groups.emplace(module, AdapterGroup{module, std::move(*found), {}}).first;
      std::string_view naming = "bare module names";
      for (const AdapterPrefix& prefix : adapter_prefixes())
        if (module != at->second.found.name && module.starts_with(prefix.text)) {
          naming = prefix.naming;
          break;
        }
      out.namings.insert(naming);
    }
    const auto [there, fresh] =
        at->second.factors.emplace(key->role, AdapterGroup::Factor{tensor, std::string(key->factor)});
    if (!fresh)
      fail(ErrorKind::BadFile, "{}: expected each factor once, got {} beside {}", tensor.where(),
           in_quotes(tensor.key()), in_quotes(there->second.tensor.key()));
  }
  return out;
}

// Halves of different adapters would be multiplied. One that is named and one that is not are seen where keys meet.
void refuse_several(const Grouped& keys, const std::string& where) {
  std::vector<std::string> named;
  for (const auto& [adapter, key] : keys.adapters)
    if (!adapter.empty()) named.push_back(in_quotes(key));
  if (named.size() > 1)
    fail_with_hint(ErrorKind::BadFile, "a file for each of them", "{}: expected one adapter, got keys of {}: {}", where,
                   named.size(), first_few(named, [](const std::string& key) { return key; }));
}

void refuse_strangers(const Grouped& keys, const ModuleIndex& index, const std::string& where) {
  if (!keys.unread.empty())
    fail_with_hint(ErrorKind::Unsupported, "LoRA, DoRA, LoKr, LoHa and whole differences are read",
                   "{}: {} keys are factors of a kind that is not read: {}", where, keys.unread.size(),
                   first_few(keys.unread, [](const std::string& key) { return in_quotes(key); }));
  if (keys.strangers.empty()) {
    if (keys.groups.empty()) fail(ErrorKind::BadFile, "{}: expected an adapter, got a file without tensors", where);
    return;
  }
  std::vector<std::string> modules;
  for (const auto& [key, module] : keys.strangers) modules.push_back(module);
  const auto foreign = foreign_model_of(modules);
  const std::string list = first_few(keys.strangers, [&](const auto& stranger) {
    const std::string like = foreign ? "" : index.resemblance(stranger.second);
    return in_quotes(stranger.first) + (like.empty() ? "" : " (" + like + ")");
  });
  const std::string whose = foreign ? fmt::format("; they look like {}", *foreign) : "";
  if (keys.groups.empty())
    fail_with_hint(ErrorKind::BadFile, "an adapter of another model? newbie lora info FILE tells more",
                   "{}: nothing in it fits this model: none of its {} keys, such as {}{}", where, keys.strangers.size(),
                   list, whose);
  fail_with_hint(ErrorKind::BadFile, "nothing is left out silently: a half adapter draws something else",
                 "{}: {} of its keys fit nothing in this model: {}{}", where, keys.strangers.size(), list, whose);
}

void refuse_overlaps(const std::vector<AdapterChange>& sorted, const std::string& where) {
  for (size_t i = 1; i < sorted.size(); ++i) {
    const AdapterChange &a = sorted[i - 1], &b = sorted[i];
    if (a.part == b.part && a.weight == b.weight && b.first_row < a.first_row + a.rows)
      fail(ErrorKind::BadFile, "{}: expected one change of {}, got {} and {} for the same rows", where, a.weight,
           in_quotes(a.key), in_quotes(b.key));
  }
}

// Reads every tensor once.
void require_finite(const OpenedWeights& files) {
  std::vector<float> piece;
  for (const FileTensor& tensor : files.tensors) {
    if (!is_float(tensor.spec().dtype)) continue;
    const DerivedTensor values = stored_tensor(tensor);
    const size_t count = values.spec.shape.elements();
    for (size_t first = 0; first < count; first += piece.size()) {
      piece.resize(std::min(count - first, kReadAtOnce));
      values.fill(first, piece);
      for (size_t i = 0; i < piece.size(); ++i)
        if (!std::isfinite(piece[i]))
          fail(ErrorKind::BadFile, "{}: expected finite numbers, element {} is {}", tensor.where(), first + i,
               piece[i]);
    }
    tensor.file->check_intact();
    tensor.file->drop_pages(tensor.bytes());
  }
}

std::string hash_of(const OpenedWeights& files, const std::optional<std::string>& config) {
  Sha256 sha;
  for (const auto& file : files.files) {
    sha.add(file->header_bytes());
    sha.add(file->data_bytes());
    file->check_intact();
  }
  if (config) sha.add(std::as_bytes(std::span(*config)));
  return sha.hex();
}

std::optional<double> metadata_number(const std::map<std::string, std::string>& metadata) {
  for (const char* key : {"ss_network_dim", "lora_rank"})
    if (const auto at = metadata.find(key); at != metadata.end()) {
      double value = 0;
      const char* end = at->second.data() + at->second.size();
      const auto [stop, error] = std::from_chars(at->second.data(), end, value);
      if (error == std::errc() && stop == end && std::isfinite(value)) return value;
    }
  return std::nullopt;
}

void add_notes(Adapter& out, const GroupNotes& notes, const std::optional<double>& dim, bool peft_names) {
  if (notes.without_alpha != 0)
    out.notes.push_back(
        fmt::format("no alpha in this file for {} modules: scale 1{}", notes.without_alpha,
                    peft_names ? "; PEFT keeps it in adapter_config.json, which is not beside it" : ""));
  if (notes.whole_lokr_alpha != 0)
    out.notes.push_back(
        fmt::format("LoKr: {} modules have whole factors: scale 1, as LyCORIS has it; their alpha {} is not "
                    "the file's dimension {}, and a program that divides the two draws something else",
                    notes.whole_lokr_alpha, notes.whole_lokr, *dim));
}

}  // namespace

Adapter read_adapter(const fs::path& path, const AdapterBase& base, Strictness strictness) {
  const OpenedWeights files = open_weights(adapter_file(path), strictness);
  Adapter out{.path = files.files.front()->path()};
  const std::string where = out.path.string();
  const bool generic =
      out.path.filename() == "adapter_model.safetensors" || out.path.filename() == "pytorch_lora_weights.safetensors";
  out.name = (generic ? fs::absolute(out.path).parent_path().filename() : out.path.stem()).string();
  out.keys = files.tensors.size();
  for (const auto& file : files.files) out.metadata.insert(file->metadata().begin(), file->metadata().end());

  const ModuleIndex index(base);
  const Grouped keys = grouped(files, index);
  refuse_strangers(keys, index, where);
  refuse_several(keys, where);
  const auto is_peft = [](const auto& entry) {
    return entry.first.find("base_model.model.") != std::string::npos || entry.first == entry.second.found.name;
  };
  const bool peft_names = std::ranges::all_of(keys.groups, is_peft);
  for (const std::string_view naming : keys.namings)
    out.naming += (out.naming.empty() ? "" : ", ") + std::string(naming);

  std::optional<std::string> config;
  const fs::path beside = out.path.parent_path() / "adapter_config.json";
  if ((out.path.filename() == "adapter_model.safetensors" || peft_names) && fs::is_regular_file(beside))
    config = read_file(beside, kLargestConfig);
  const ScaleRules rules(config, beside.string(), out.metadata, where, peft_names);
  const std::optional<double> dim = metadata_number(out.metadata);

  GroupNotes notes;
  for (const auto& [module, group] : keys.groups)
    for (AdapterChange& change : read_group(group, base, rules, dim, notes)) out.changes.push_back(std::move(change));
  out.modules = keys.groups.size();
  std::ranges::stable_sort(out.changes, {},
                           [](const AdapterChange& c) { return std::tuple(c.part, c.weight, c.first_row); });
  refuse_overlaps(out.changes, where);
  require_finite(files);
  out.hash = hash_of(files, config);
  out.notes = rules.notes();
  add_notes(out, notes, dim, peft_names && !config);
  return out;
}

}  // namespace newbie
