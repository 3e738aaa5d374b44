#include "generate/weight_cache.h"

#include <algorithm>
#include <map>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

// Raised when a kernel packs other bytes under the same layout key, or a weight is computed otherwise from its files.
constexpr const char* kPreparation = "preparation 1";

constexpr size_t kKeyDigits = 32, kSetDigits = 16;  // of a file's name

void add_text(Sha256& hash, std::string_view text) {
  hash.add(text.size());
  hash.add(std::as_bytes(std::span(text)));
}

class OpenedFiles final : public WeightCache::Opened {
 public:
  void add(std::unique_ptr<const PackedFile> file) {
    for (const SafetensorsEntry& entry : file->entries())
      weights_.emplace(PackedFile::weight_of(entry), Place{file.get(), file->bytes(entry)});
    files_.push_back(std::move(file));
  }

  std::span<const std::byte> find(std::string_view key) const override { return at(key).bytes; }
  std::span<const std::byte> around(std::string_view key) const override {
    const Place place = at(key);
    return place.file != nullptr ? place.file->around(place.bytes) : std::span<const std::byte>();
  }
  void prefetch(std::string_view key) const override {
    if (const Place place = at(key); place.file != nullptr) place.file->fetch_pages(place.bytes);
  }
  void load(std::string_view key) const override {
    if (const Place place = at(key); place.file != nullptr) place.file->load_pages(place.bytes);
  }
  void release(std::string_view key) const override {
    if (const Place place = at(key); place.file != nullptr) place.file->drop_pages(place.bytes);
  }
  void check_intact() const override {
    for (const auto& file : files_) file->check_intact();
  }

 private:
  struct Place {
    const PackedFile* file = nullptr;  // none: it is not there
    std::span<const std::byte> bytes;
  };
  Place at(std::string_view key) const {
    const auto found = weights_.find(key);
    return found == weights_.end() ? Place() : found->second;
  }

  std::vector<std::unique_ptr<const PackedFile>> files_;
  std::map<std::string_view, Place, std::less<>> weights_;  // names live in the files
};

}  // namespace

std::string stamps_of(const Part& part) {
  std::string out;
  for (const auto& file : part.files.files) {
    const FileStamp stamp = file->stamp();
    out += fmt::format("{} {} {}\n", stamp.inode, stamp.bytes, stamp.modified_ns);
  }
  return out;
}

std::string WeightCacheKey::hash() const {
  Sha256 hash;
  for (const std::string_view text :
       {std::string_view(kPreparation), std::string_view(part), std::string_view(fingerprint), std::string_view(files),
        std::string_view(config), std::string_view(arithmetic)})
    add_text(hash, text);
  return hash.hex();
}

WeightCache::WeightCache(std::filesystem::path folder, Log& log,
                         const std::optional<std::filesystem::path>& kept_hashes)
    : folder_(std::move(folder)), log_(log) {
  if (kept_hashes) kept_.emplace(*kept_hashes);
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) fail(ErrorKind::BadFile, "{}: cannot make the folder: {}", folder_.string(), error.message());
}

std::shared_ptr<const WeightCache::Opened> WeightCache::open(const WeightCacheKey& key) {
  const std::string hash = key.hash();
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(key.part); known != known_.end() && known->second.hash == hash)
    return known->second.opened;
  auto out = std::make_shared<OpenedFiles>();
  std::error_code error;
  std::vector<std::filesystem::path> paths = list_folder(folder_, error);
  if (error) log_.warn("weight cache: {}: cannot read the folder: {}", folder_.string(), error.message());
  std::ranges::sort(paths);
  for (const std::filesystem::path& path : paths) {
    if (!path.filename().string().starts_with(hash.substr(0, kKeyDigits) + '-')) continue;
    try {
      out->add(std::make_unique<const PackedFile>(path, hash, kept_ ? &*kept_ : nullptr));
    } catch (const Error& e) {
      if (damaged_.insert(path).second) log_.warn("weight cache: {}: packed anew", e.message());
    }
  }
  known_[key.part] = {hash, out};
  return out;
}

void WeightCache::keep(const WeightCacheKey& key, std::span<const PackedWeight> weights) {
  const std::string hash = key.hash();
  const std::lock_guard lock(mutex_);
  known_.erase(key.part);
  Sha256 set;
  for (const PackedWeight& weight : weights) add_text(set, weight.name);
  const std::filesystem::path path =
      folder_ / (hash.substr(0, kKeyDigits) + '-' + set.hex().substr(0, kSetDigits) + ".safetensors");
  try {
    write_packed_file(path, hash, weights);
    damaged_.erase(path);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadFile && e.kind() != ErrorKind::OverBudget) throw;
    log_.warn("weight cache: {}", e.message());
  }
}

}  // namespace newbie
