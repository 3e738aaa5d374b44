#include "generate/text_cache.h"

#include <cstring>

#include "core/error.h"
#include "weights/formats/safetensors.h"
#include "weights/safetensors_writer.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

constexpr const char* kTensor = "values";
constexpr const char* kHash = "sha256";  // of the key and the numbers: an entry says what it is of

std::string hash_of(const std::string& key, std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(key)));
  hash.add(bytes);
  return hash.hex();
}

std::vector<float> read_entry(const std::filesystem::path& path, const std::string& key, size_t count) {
  const SafetensorsFile file(path);
  const SafetensorsEntry* entry = file.find(kTensor);
  const TensorSpec want{{static_cast<int64_t>(count)}, DType::F32};
  if (entry == nullptr || !(file.spec(*entry) == want))
    fail(ErrorKind::BadFile, "{}: expected a tensor {} of {} numbers in F32", path.string(), kTensor, count);
  std::vector<float> values(count);
  const std::span<const std::byte> bytes = file.bytes(*entry);
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  file.check_intact();
  const auto hash = file.metadata().find(kHash);
  if (hash == file.metadata().end() || hash->second != hash_of(key, std::as_bytes(std::span(values))))
    fail(ErrorKind::BadFile, "{}: the numbers are not those that were written for this prompt", path.string());
  return values;
}

}  // namespace

std::string TextCacheKey::hash() const {
  Sha256 hash;
  for (const std::string& text : {part, identity, arithmetic}) {
    hash.add(text.size());
    hash.add(std::as_bytes(std::span(text)));
  }
  hash.add(ids.size());
  hash.add(std::as_bytes(ids));
  hash.add(weights.size());
  hash.add(std::as_bytes(weights));
  return hash.hex();
}

TextCache::TextCache(std::filesystem::path folder, Log& log) : folder_(std::move(folder)), log_(log) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) fail(ErrorKind::BadFile, "{}: cannot make the folder: {}", folder_.string(), error.message());
}

std::filesystem::path TextCache::path_of(const TextCacheKey& key) const {
  return folder_ / (key.hash() + ".safetensors");
}

std::optional<std::vector<float>> TextCache::find(const TextCacheKey& key, size_t count) const {
  const std::filesystem::path path = path_of(key);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  try {
    return read_entry(path, key.hash(), count);
  } catch (const Error& e) {
    log_.warn("text cache: {}: computed anew", e.message());
    return std::nullopt;
  }
}

void TextCache::keep(const TextCacheKey& key, std::span<const float> values) const {
  try {
    const ConstTensorView view({{static_cast<int64_t>(values.size())}, DType::F32},
                               reinterpret_cast<const std::byte*>(values.data()));
    const NamedTensor tensor{kTensor, view};
    write_safetensors(path_of(key), std::span(&tensor, 1), {{kHash, hash_of(key.hash(), std::as_bytes(values))}});
  } catch (const Error& e) {
    log_.warn("text cache: {}", e.message());
  }
}

}  // namespace newbie
