#include "weights/open_weights.h"

#include <algorithm>
#include <ranges>
#include <system_error>

#include "core/files.h"
#include "weights/formats/gguf.h"
#include "weights/formats/sharded_index.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFile = ".safetensors";
constexpr std::string_view kGguf = ".gguf";
constexpr std::string_view kIndex = ".safetensors.index.json";

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::path& file : list_folder(folder, error))
    if (std::error_code ignored; fs::is_regular_file(file, ignored)) files.push_back(file);
  if (error) fail(ErrorKind::BadFile, "{}: expected a folder we can list, got: {}", folder.string(), error.message());
  std::sort(files.begin(), files.end());
  return files;
}

template <typename Predicate>
std::vector<fs::path> only(const std::vector<fs::path>& files, Predicate wanted) {
  std::vector<fs::path> chosen;
  for (const fs::path& file : files)
    if (wanted(file.filename().string())) chosen.push_back(file);
  return chosen;
}

// Of the shards that are there, one: open_shards finds the others, or says which are missing.
bool is_first_shard(const fs::path& file, const std::vector<fs::path>& files) {
  const auto name = shard_name(file.filename().string());
  return name && name->count > 1 && std::ranges::none_of(files, [&](const fs::path& other) {
           const auto before = shard_name(other.filename().string());
           return before && before->base == name->base && before->count == name->count && before->number < name->number;
         });
}

fs::path choose(const fs::path& folder) {
  const std::vector<fs::path> files = files_in(folder);
  const std::vector<fs::path> choices[] = {
      only(files, [](const std::string& n) { return n == "newbie_dit.safetensors"; }),
      only(files,
           [](const std::string& n) { return n == "model.safetensors" || n == "diffusion_pytorch_model.safetensors"; }),
      only(files, [](const std::string& n) { return n.ends_with(kIndex); }),
      only(files, [&](const std::string& n) { return is_first_shard(n, files); }),
      only(files, [](const std::string& n) { return n.ends_with(kFile); }),
      only(files, [](const std::string& n) { return n.ends_with(kGguf); }),
  };
  for (const std::vector<fs::path>& found : choices) {
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
      std::string list;
      for (const fs::path& file : found) list += (list.empty() ? "" : ", ") + in_quotes(file.filename().string());
      fail_with_hint(ErrorKind::BadFile, "name the file itself", "{}: expected one weight file, got {}: {}",
                     folder.string(), found.size(), list);
    }
  }
  fail_with_hint(ErrorKind::BadFile, "is this the right folder, and is the download complete?",
                 "{}: expected model.safetensors, diffusion_pytorch_model.safetensors, *.safetensors.index.json, one "
                 "*.safetensors or one *.gguf, got none of them",
                 folder.string());
}

// What a file is, its first bytes say; what is called .gguf has to be one.
std::shared_ptr<const WeightFile> open_file(const fs::path& file, Strictness strictness) {
  const bool is_called_gguf = file.filename().string().ends_with(kGguf);
  return std::make_shared<const WeightFile>(file, [=](std::span<const std::byte> bytes, std::string_view where) {
    const auto magic = std::as_bytes(std::span(kGgufMagic));
    const bool is_gguf = bytes.size() >= magic.size() && std::ranges::equal(bytes.first(magic.size()), magic);
    return is_gguf || is_called_gguf ? parse_gguf_header(bytes, where)
                                     : parse_safetensors_header(bytes, where, strictness);
  });
}

// What a GGUF file says of being a part; a file that says nothing is a whole.
void check_place(const WeightFile& file, int number, int count) {
  const std::string where = file.path().string();
  const double shards = file.header().keys.number("split.count", where).value_or(1);
  const double place = file.header().keys.number("split.no", where).value_or(0) + 1;
  if (shards == count && (count == 1 || place == number)) return;
  if (count == 1)
    fail_with_hint(ErrorKind::Unsupported, "all of them together are read, called NAME-00001-of-00003.gguf and so on",
                   "{}: expected a whole model, got shard {} of {}", where, place, shards);
  fail(ErrorKind::BadFile, "{}: expected shard {} of {}, as it is called, got shard {} of {}", where, number, count,
       place, shards);
}

}  // namespace

std::vector<std::string> OpenedWeights::keys() const {
  std::vector<std::string> keys;
  keys.reserve(tensors.size());
  for (const FileTensor& tensor : tensors) keys.push_back(tensor.key());
  return keys;
}

const FileTensor* OpenedWeights::find(std::string_view key) const {
  const auto found = std::lower_bound(tensors.begin(), tensors.end(), key,
                                      [](const FileTensor& tensor, std::string_view k) { return tensor.key() < k; });
  return found != tensors.end() && found->key() == key ? &*found : nullptr;
}

OpenedWeights open_weights(const fs::path& path, Strictness strictness) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    fail(ErrorKind::BadFile, "{}: expected a weight file or a folder, got: {}", path.string(),
         error ? error.message() : "nothing there");
  const fs::path file = fs::is_directory(status) ? choose(path) : path;

  OpenedWeights opened;
  const auto shard = shard_name(file.filename().string());
  if (file.filename().string().ends_with(kIndex)) {
    opened.tensors = open_sharded(file, strictness);
  } else if (shard && shard->count > 1) {
    opened.tensors = open_shards(file, [&](const fs::path& one_path, const ShardName& name, int number) {
      auto one = open_file(one_path, strictness);
      if (name.ending == kGguf) {
        check_place(*one, number, name.count);
        opened.files.push_back(one);  // the first may hold keys alone
      }
      return one;
    });
  } else {
    const std::shared_ptr<const WeightFile> single = open_file(file, strictness);
    check_place(*single, 1, 1);
    for (const WeightEntry& entry : single->entries()) opened.tensors.push_back({single, &entry});
    opened.files.push_back(single);  // also when it holds no tensor: its metadata may be wanted
  }
  std::sort(opened.tensors.begin(), opened.tensors.end(),
            [](const FileTensor& a, const FileTensor& b) { return a.key() < b.key(); });
  for (const FileTensor& tensor : opened.tensors)
    if (std::find(opened.files.begin(), opened.files.end(), tensor.file) == opened.files.end())
      opened.files.push_back(tensor.file);
  std::sort(opened.files.begin(), opened.files.end(),
            [](const auto& a, const auto& b) { return a->path().filename() < b->path().filename(); });
  return opened;
}

}  // namespace newbie
