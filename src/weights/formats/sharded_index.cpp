#include "weights/formats/sharded_index.h"

#include <system_error>

#include "core/json.h"

namespace newbie {

namespace {

constexpr size_t kLargestIndex = 100'000'000;

// An index is a stranger's word: it may only point at files in its own folder.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name.find("..") == std::string_view::npos &&
         name.find_first_of(std::string_view("/\\:\0", 4)) == std::string_view::npos;
}

}  // namespace

std::map<std::string, std::string> parse_sharded_index(std::string_view text, std::string_view where) {
  const Json json = parse_json(text, where);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object() || map->empty())
    fail(ErrorKind::BadFile, "{}: expected an object weight_map that names tensors and files, got {}", where,
         map == json.end() ? "nothing"
         : map->empty()    ? "an empty one"
                           : map->type_name());
  std::map<std::string, std::string> files;
  for (const auto& item : map->items()) {
    if (!item.value().is_string())
      fail(ErrorKind::BadFile, "{}: tensor {}: expected a file name, got {}", where, in_quotes(item.key()),
           item.value().type_name());
    const auto& name = item.value().get_ref<const std::string&>();
    if (!is_plain_name(name))
      fail(ErrorKind::BadFile, "{}: tensor {}: expected the plain name of a file in the same folder, got {}", where,
           in_quotes(item.key()), in_quotes(name));
    files.emplace(item.key(), name);
  }
  return files;
}

std::vector<FileTensor> open_sharded(const std::filesystem::path& index, Strictness strictness) {
  const std::string where = index.string();
  std::map<std::string, std::shared_ptr<const SafetensorsFile>> shards;
  std::vector<FileTensor> tensors;
  for (const auto& [tensor, name] : parse_sharded_index(read_file(index, kLargestIndex), where)) {
    auto& shard = shards[name];
    if (!shard) shard = std::make_shared<const SafetensorsFile>(index.parent_path() / name, strictness);
    const WeightEntry* entry = shard->find(tensor);
    if (entry == nullptr)
      fail_with_hint(ErrorKind::BadFile, "the shards may come from different downloads",
                     "{}: tensor {}: expected in {}, got a file without it", where, in_quotes(tensor),
                     shard->path().string());
    tensors.push_back({shard, entry});
  }
  return tensors;
}

std::optional<ShardName> shard_name(std::string_view file_name) {
  constexpr std::string_view kOf = "-of-";
  constexpr size_t kDigits = 5;
  constexpr size_t kTail = 1 + kDigits + kOf.size() + kDigits;  // "-00002-of-00003"
  const std::string_view ending = file_name.ends_with(".gguf") ? ".gguf" : ".safetensors";
  if (!file_name.ends_with(ending) || file_name.size() <= kTail + ending.size()) return std::nullopt;
  file_name.remove_suffix(ending.size());
  const std::string_view tail = file_name.substr(file_name.size() - kTail);
  const auto digits = [&](size_t at) -> std::optional<int> {
    int value = 0;
    for (const char c : tail.substr(at, kDigits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = 10 * value + (c - '0');
    }
    return value;
  };
  const std::optional<int> number = digits(1), count = digits(kTail - kDigits);
  if (tail[0] != '-' || tail.substr(1 + kDigits, kOf.size()) != kOf || !number || !count || *number < 1 ||
      *number > *count)
    return std::nullopt;
  return ShardName{std::string(file_name.substr(0, file_name.size() - kTail)), std::string(ending), *number, *count};
}

std::vector<FileTensor> open_shards(const std::filesystem::path& shard, const OpenShard& open) {
  constexpr int kMostShards = 1000;
  const ShardName name = *shard_name(shard.filename().string());
  if (name.count > kMostShards)
    fail(ErrorKind::BadFile, "{}: expected at most {} shards, got {}", shard.string(), kMostShards, name.count);
  std::map<std::string, FileTensor> tensors;
  for (int number = 1; number <= name.count; ++number) {
    const std::filesystem::path path =
        shard.parent_path() / fmt::format("{}-{:05}-of-{:05}{}", name.base, number, name.count, name.ending);
    if (std::error_code ignored; !std::filesystem::exists(path, ignored))
      fail_with_hint(ErrorKind::BadFile, "download the other shards, or the index.json that names them",
                     "{}: a shard of {}: expected {} beside it, got nothing there", shard.string(), name.count,
                     in_quotes(path.filename().string()));
    const std::shared_ptr<const WeightFile> file = open(path, name, number);
    for (const WeightEntry& entry : file->entries())
      if (const auto [other, fresh] = tensors.emplace(entry.name, FileTensor{file, &entry}); !fresh)
        fail(ErrorKind::BadFile, "{}: tensor {}: expected once, got it in {}, too", path.string(),
             in_quotes(entry.name), other->second.file->path().filename().string());
  }
  std::vector<FileTensor> sorted;
  for (auto& [key, tensor] : tensors) sorted.push_back(std::move(tensor));
  return sorted;
}

}  // namespace newbie
