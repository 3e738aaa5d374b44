#include "image/picture_format.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "image/avif.h"
#include "image/avif_container.h"
#include "image/bmp.h"
#include "image/flatten.h"
#include "image/gif.h"
#include "image/jpeg.h"
#include "image/orientation.h"
#include "image/png.h"
#include "image/tiff.h"
#include "image/webp.h"

namespace newbie {

namespace {

constexpr size_t kMaxFileBytes = size_t{512} << 20;

// What a file is that is none of ours, by its first bytes; empty: nobody knows.
std::string_view foreign_picture(std::string_view head) {
  using namespace std::string_view_literals;
  if (head.starts_with("II+\0"sv) || head.starts_with("MM\0+"sv)) return "a BigTIFF picture";
  if (head.size() >= 12 && head.substr(4, 4) == "ftyp") {
    const std::string_view brand = head.substr(8, 4);
    if (brand == "heic" || brand == "heix" || brand == "mif1") return "a HEIC picture";
    return "a film";
  }
  if (head.starts_with("\xFF\x0A"sv) || head.starts_with("\0\0\0\x0CJXL "sv)) return "a JPEG XL picture";
  if (head.starts_with("8BPS")) return "a Photoshop file";
  if (head.starts_with("<svg") || head.starts_with("<?xml")) return "an SVG drawing";
  if (head.starts_with("%PDF")) return "a PDF";
  return {};
}

}  // namespace

void check_size(const DecodeLimits& limits, std::string_view where, int64_t width, int64_t height) {
  if (width < 1 || height < 1 || width > limits.max_side || height > limits.max_side ||
      static_cast<size_t>(width) * static_cast<size_t>(height) > limits.max_pixels)
    fail(ErrorKind::BadFile, "{}: a picture of {}x{}, expected sides up to {} and up to {} pixels", where, width,
         height, limits.max_side, limits.max_pixels);
}

void check_memory(const DecodeLimits& limits, std::string_view where, int64_t width, int64_t height, size_t bytes) {
  if (!limits.texts_only && bytes > limits.max_memory_bytes)
    fail_with_hint(ErrorKind::OverBudget, "make the picture smaller first, or allow more memory",
                   "{}: a picture of {}x{} takes {:.0f} MiB to read, {:.0f} MiB are left for it", where, width, height,
                   std::ceil(static_cast<double>(bytes) / (1 << 20)),
                   std::floor(static_cast<double>(limits.max_memory_bytes) / (1 << 20)));
}

std::optional<PictureFormat> format_of_name(const std::filesystem::path& name) {
  std::string extension = name.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  if (extension == ".png") return PictureFormat::Png;
  if (extension == ".jpg" || extension == ".jpeg") return PictureFormat::Jpeg;
  if (extension == ".webp") return PictureFormat::WebP;
  return std::nullopt;
}

std::vector<std::byte> encode_picture(PictureFormat format, const Image& image, std::span<const TextChunk> texts,
                                      int quality) {
  switch (format) {
    case PictureFormat::Png: return encode_png(image, texts);
    case PictureFormat::Jpeg: return encode_jpeg(flatten(image, 255), quality, texts);
    case PictureFormat::WebP: return encode_webp(image, quality, texts);
  }
  fail(ErrorKind::Internal, "a picture format without an encoder");
}

DecodedPicture decode_picture(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  using namespace std::string_view_literals;
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 12));
  DecodedPicture out;
  if (head.starts_with("\x89PNG"))
    out = decode_png(bytes, where, limits);
  else if (head.starts_with("\xFF\xD8"))
    out = decode_jpeg(bytes, where, limits);
  else if (head.starts_with("RIFF") && head.ends_with("WEBP"))
    out = decode_webp(bytes, where, limits);
  else if (head.starts_with("BM"))
    out = decode_bmp(bytes, where, limits);
  else if (head.starts_with("GIF87a") || head.starts_with("GIF89a"))
    out = decode_gif(bytes, where, limits);
  else if (head.starts_with("II*\0"sv) || head.starts_with("MM\0*"sv))
    out = decode_tiff(bytes, where, limits);
  else if (is_avif(bytes))
    out = decode_avif(bytes, where, limits);
  else if (const std::string_view what = foreign_picture(head); !what.empty())
    fail_with_hint(ErrorKind::Unsupported, "convert it to PNG first", "{}: {}, which is not read", where, what);
  else
    fail_with_hint(ErrorKind::BadFile, "convert it to one of these first",
                   "{}: not a PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF picture", where);
  if (!limits.texts_only)
    out.image = upright(std::move(out.image), out.orientation);
  else if (swaps_sides(out.orientation))
    std::swap(out.image.width, out.image.height);
  out.orientation = 1;
  return out;
}

DecodedPicture read_picture(const std::filesystem::path& path, const DecodeLimits& limits) {
  const std::string bytes = read_file(path, kMaxFileBytes);
  return decode_picture(std::as_bytes(std::span(bytes)), path.string(), limits);
}

DecodedPicture read_picture_texts(const std::filesystem::path& path) {
  constexpr DecodeLimits kTexts{.texts_only = true};
  if (std::error_code ignored; !std::filesystem::is_regular_file(path, ignored)) return read_picture(path, kTexts);
  const MappedFile file(path);
  DecodedPicture out = decode_picture(file.bytes(), path.string(), kTexts);
  file.check_intact();
  return out;
}

}  // namespace newbie
