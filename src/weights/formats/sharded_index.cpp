#include "weights/formats/sharded_index.h"

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

}  // namespace newbie
