#include "train/dataset.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/files.h"
#include "image/flatten.h"
#include "image/picture_format.h"
#include "image/resize.h"
#include "train/captions.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMostPicture = size_t{512} << 20;
constexpr size_t kDeepest = 16;  // folders below the first

struct Found {
  fs::path path;
  int64_t repeats;
};

// `way`: the folders it is in, itself the last, without links: one that leads back to them is not followed.
void collect(const fs::path& folder, std::vector<fs::path> way, bool repeated, std::vector<Found>& out) {
  std::error_code error;
  const std::vector<fs::path> entries = list_folder(folder, error);
  if (error) fail(ErrorKind::BadFile, "{}: {}", folder.string(), error.message());
  way.push_back(fs::weakly_canonical(folder, error));
  const int64_t repeats = repeated ? repeats_of(folder.filename().string()) : 1;
  for (const fs::path& entry : entries) {
    if (fs::is_directory(entry, error)) {
      const bool is_back = std::ranges::find(way, fs::weakly_canonical(entry, error)) != way.end();
      if (!is_back && way.size() <= kDeepest) collect(entry, way, repeated, out);
    } else if (format_of_name(entry)) {
      out.push_back({entry, repeats});
    }
  }
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace

int64_t repeats_of(const std::string& folder_name) {
  int64_t count = 0;
  const char* end = folder_name.data() + folder_name.find('_');
  if (folder_name.find('_') == std::string::npos) return 1;
  const auto [at, error] = std::from_chars(folder_name.data(), end, count);
  return error == std::errc() && at == end && count >= 1 && count <= 1'000'000 ? count : 1;
}

int64_t Dataset::samples() const {
  int64_t out = 0;
  for (const Example& e : examples) out += e.repeats;
  return out;
}

Dataset read_dataset(const DatasetOptions& options, Log& log) {
  Dataset out;
  out.buckets = bucket_sizes(options.buckets, options.unit);
  std::vector<Found> found;
  collect(options.folder, {}, options.buckets.enabled, found);
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.path < b.path; });
  std::map<fs::path, std::map<std::string, std::string>> rows;  // by folder
  std::map<std::string, std::vector<std::string>> by_content;
  std::vector<std::string> not_utf8;
  for (const Found& f : found) {
    Example e{.path = f.path, .name = f.path.lexically_relative(options.folder).string(), .repeats = f.repeats};
    try {
      const std::string bytes = read_file(f.path, kMostPicture);
      const DecodedPicture picture = decode_picture(as_bytes(bytes), f.path.string());
      e.width = picture.image.width;
      e.height = picture.image.height;
      e.content = sha256_of(as_bytes(bytes));
    } catch (const Error& error) {
      if (options.strict || error.kind() == ErrorKind::OverBudget) throw;
      out.broken.push_back({e.name, error.message()});
      log.warn("{} is left out: {}", e.name, error.message());
      continue;
    }
    const fs::path folder = f.path.parent_path();
    if (!rows.contains(folder)) rows[folder] = caption_rows(folder);
    if (const auto caption = training_caption(f.path, rows[folder])) {
      e.caption = caption->text;
      if (caption->latin1) not_utf8.push_back(e.name);
    }
    if (e.caption.empty()) out.without_caption.push_back(e.name);
    e.bucket = nearest_bucket(out.buckets, e.width, e.height);
    by_content[e.content].push_back(e.name);
    out.examples.push_back(std::move(e));
  }
  if (!not_utf8.empty())
    log.warn(
        "captions of {} pictures are not UTF-8 and are read as Latin-1, as the official trainer does ({}{}): "
        "save them as UTF-8, unless that is what they are",
        not_utf8.size(), not_utf8.front(), not_utf8.size() > 1 ? ", …" : "");
  for (auto& [content, names] : by_content)
    if (names.size() > 1) out.equal.push_back(std::move(names));
  if (out.examples.empty())
    fail(ErrorKind::BadFile, "{}: no picture that can be read ({})", options.folder.string(), kTrainedExtensions);
  return out;
}

Image trained_picture(const Example& example, PictureSize bucket) {
  const Image picture = flatten(read_picture(example.path).image, 255);
  const PictureSize size = covering_size(bucket, picture.width, picture.height);
  return center_crop(resize_lanczos(picture, static_cast<int>(size.width), static_cast<int>(size.height)),
                     static_cast<int>(bucket.width), static_cast<int>(bucket.height));
}

}  // namespace newbie
