#include "weights/fingerprint.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <vector>

#include "core/files.h"
#include "core/json.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

constexpr size_t kPiece = size_t{64} << 10;        // read at once
constexpr size_t kMostKept = 1024;                 // hashes; more are forgotten all at once
constexpr size_t kMaxFileBytes = size_t{1} << 20;  // of kept hashes
constexpr std::chrono::seconds kSettled{3};        // since the last change, before a stamp is believed

std::string words(const FileStamp& stamp) {
  return fmt::format("{} {} {} {} {}", stamp.device, stamp.inode, stamp.bytes, stamp.modified_ns, stamp.changed_ns);
}

// Read, not mapped: a run's plan has no pages for this.
std::string hash_of(const WeightFile& file) {
  Sha256 hash;
  std::vector<std::byte> piece(kPiece);
  for (size_t at = 0; at < file.file_bytes(); at += kPiece) {
    const std::span<std::byte> part = std::span(piece).first(std::min(kPiece, file.file_bytes() - at));
    file.copy(at, part);
    hash.add(part);
  }
  file.check_intact();
  return hash.hex();
}

std::string known_or_made(const WeightFile& file, KeptHashes* kept) {
  if (kept == nullptr || file.file_bytes() < kWorthKeeping) return hash_of(file);
  const FileStamp before = file.stamp();
  if (std::string known = kept->find(before); !known.empty()) return known;
  std::string hash = hash_of(file);
  if (!(file.stamp() == before)) fail(ErrorKind::BadFile, "{}: changed while it was read", file.path().string());
  kept->keep(before, hash);
  return hash;
}

bool is_hash(const Json& json) {
  return json.is_string() && json.get_ref<const std::string&>().size() == 64 &&
         json.get_ref<const std::string&>().find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

KeptHashes::KeptHashes(std::filesystem::path file) : file_(std::move(file)) { read(); }

void KeptHashes::read() {
  try {
    const Json json = parse_json(read_file(file_, kMaxFileBytes), file_.string());
    const auto found = json.is_object() ? json.find("sha256") : json.end();
    if (found == json.end() || !found->is_object()) return;
    for (const auto& item : found->items())
      if (is_hash(item.value())) hashes_[item.key()] = item.value().get<std::string>();
  } catch (const Error&) {
    // Made anew.
  }
}

std::string KeptHashes::find(const FileStamp& stamp) const {
  const auto found = hashes_.find(words(stamp));
  return found == hashes_.end() ? std::string() : found->second;
}

void KeptHashes::keep(const FileStamp& stamp, const std::string& hash) {
  const std::chrono::nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
  if (now - std::chrono::nanoseconds(std::max(stamp.modified_ns, stamp.changed_ns)) < kSettled) return;
  read();  // what others kept meanwhile
  if (hashes_.size() >= kMostKept) hashes_.clear();
  hashes_[words(stamp)] = hash;
  std::error_code failed;
  std::filesystem::create_directories(file_.parent_path(), failed);
  if (failed) return;
  try {
    write_file_atomically(file_, Json{{"sha256", hashes_}}.dump(1));
  } catch (const Error&) {
    // Made again next time.
  }
}

std::string fingerprint(std::span<const std::shared_ptr<const WeightFile>> files, KeptHashes* kept) {
  std::vector<std::shared_ptr<const WeightFile>> sorted(files.begin(), files.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a->path().filename() < b->path().filename(); });
  if (sorted.size() == 1) return known_or_made(*sorted.front(), kept);
  Sha256 all;
  for (const auto& file : sorted) {
    const std::string hash = known_or_made(*file, kept);
    all.add(std::as_bytes(std::span(hash)));
  }
  return all.hex();
}

}  // namespace newbie
