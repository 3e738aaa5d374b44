// Reading PNG from hostile bytes: limits first, libpng's memory under a budget, its errors as Error.
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/checked.h"
#include "image/exif.h"
#include "image/png.h"
#include "image/png_guard.h"
#include "image/unicode.h"

namespace newbie {
namespace {

struct PngReader {
  PngFault fault;
  std::vector<std::span<const std::byte>> rest;  // what is not yet read, from the last piece on backwards
  size_t budget = 0;                             // bytes libpng may still take for itself
  size_t left = SIZE_MAX;                        // bytes that may still be read for the row at hand
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_read(png_structp png, png_bytep out, size_t size) {
  PngReader* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (size > reader->left) png_error(png, "more picture data than its size needs");
  reader->left -= size;
  while (size > 0) {
    if (reader->rest.empty()) png_error(png, "the file ends too early");
    std::span<const std::byte>& piece = reader->rest.back();
    const size_t some = std::min(size, piece.size());
    std::memcpy(out, piece.data(), some);
    out += some;
    size -= some;
    piece = piece.subspan(some);
    if (piece.empty()) reader->rest.pop_back();
  }
}

// libpng's own memory, counted: whatever a file makes it unpack, it cannot pass the budget. The size is kept in front
// of the block, in a header that preserves alignment.
constexpr size_t kBlockHeader = alignof(std::max_align_t);

png_voidp on_malloc(png_structp png, png_alloc_size_t size) {
  PngReader* reader = static_cast<PngReader*>(png_get_mem_ptr(png));
  if (size > reader->budget || size > SIZE_MAX - kBlockHeader) return nullptr;
  std::byte* block = static_cast<std::byte*>(std::malloc(size + kBlockHeader));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  reader->budget -= size;
  return block + kBlockHeader;
}

void on_free(png_structp png, png_voidp data) {
  if (data == nullptr) return;
  PngReader* reader = static_cast<PngReader*>(png_get_mem_ptr(png));
  std::byte* block = static_cast<std::byte*>(data) - kBlockHeader;
  png_alloc_size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  reader->budget += size;
  std::free(block);
}

uint32_t big_endian(std::span<const std::byte, 4> b) {
  return std::to_integer<uint32_t>(b[0]) << 24 | std::to_integer<uint32_t>(b[1]) << 16 |
         std::to_integer<uint32_t>(b[2]) << 8 | std::to_integer<uint32_t>(b[3]);
}

// Signature and header by hand, so that a huge or foreign file is refused before libpng sees it.
void check_header(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  constexpr size_t kHeaderBytes = 8 + 8 + 13 + 4;  // signature, chunk head, IHDR, checksum
  constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
  if (bytes.size() < kHeaderBytes)
    fail(ErrorKind::BadFile, "{}: expected at least {} bytes of PNG, got {}", where, kHeaderBytes, bytes.size());
  if (std::memcmp(bytes.data(), kSignature.data(), kSignature.size()) != 0)
    fail(ErrorKind::BadFile, "{}: not a PNG (the signature is missing)", where);
  const uint64_t width = big_endian(bytes.subspan<16, 4>()), height = big_endian(bytes.subspan<20, 4>());
  check_size(limits, where, static_cast<int64_t>(width), static_cast<int64_t>(height));
  // Pixels, turned upright once more, and libpng's rows.
  check_memory(limits, where, static_cast<int64_t>(width), static_cast<int64_t>(height),
               static_cast<size_t>(width * height * 4 * 2 + width * 8 * 4));
}

// What libpng reads of a file whose pixels nobody wants: all chunks but those of picture data, which may lie in front
// of texts. An empty one is left, because libpng looks for one. From the last piece on backwards.
std::vector<std::span<const std::byte>> without_picture_data(std::span<const std::byte> bytes) {
  static constexpr std::array<unsigned char, 12> kEmptyData{0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x35, 0xAF, 0x06, 0x1E};
  constexpr size_t kSignature = 8, kAround = 12;  // length, name, checksum
  std::vector<std::span<const std::byte>> out{bytes.first(kSignature)};
  bool has_data = false;
  for (size_t at = kSignature; at < bytes.size();) {
    std::span<const std::byte> chunk = bytes.subspan(at);
    bool is_data = false, is_animation = false;
    if (chunk.size() >= kAround) {
      const auto is = [&](const char* name) { return std::memcmp(chunk.data() + 4, name, 4) == 0; };
      is_data = is("IDAT");
      is_animation = is("fdAT");
      const uint64_t length = uint64_t{big_endian(chunk.first<4>())} + kAround;
      chunk = chunk.first(static_cast<size_t>(std::min<uint64_t>(length, chunk.size())));
    }
    at += chunk.size();
    if (is_animation || (is_data && has_data)) continue;
    out.push_back(is_data ? std::as_bytes(std::span(kEmptyData)) : chunk);
    has_data = has_data || is_data;
  }
  std::ranges::reverse(out);
  return out;
}

// An animated PNG says so before its pixels, which are those of the first picture.
bool is_animated(std::span<const std::byte> bytes) {
  constexpr size_t kSignature = 8, kAround = 12;  // length, name, checksum
  for (size_t at = kSignature; bytes.size() - at >= kAround;) {
    const uint64_t length = big_endian(bytes.subspan(at).first<4>());
    const auto is = [&](const char* name) { return std::memcmp(bytes.data() + at + 4, name, 4) == 0; };
    if (is("acTL")) return true;
    if (is("IDAT") || length > bytes.size() - at - kAround) return false;
    at += static_cast<size_t>(length) + kAround;
  }
  return false;
}

ColourFacts colours_of(const PngReader& reader) {
  ColourFacts out;
  png_charp name = nullptr;
  png_bytep data = nullptr;
  png_uint_32 size = 0;
  int number = 0;
  if (png_get_iCCP(reader.png, reader.info, &name, &number, &data, &size) != 0 && data != nullptr) {
    const auto* first = reinterpret_cast<const std::byte*>(data);
    if (size <= kMaxIccBytes) out.icc.assign(first, first + size);
    return out;
  }
  if (png_get_sRGB(reader.png, reader.info, &number) != 0) return out;
  double gamma = 0;
  if (png_get_gAMA(reader.png, reader.info, &gamma) != 0 && gamma > 0) out.gamma = gamma;
  std::array<double, 8> c{};
  if (png_get_cHRM(reader.png, reader.info, &c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &c[7]) != 0) {
    // Those of sRGB, which programs write beside gAMA, within the five digits of the chunk.
    constexpr std::array<double, 8> kSrgb{0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06};
    const bool same = std::ranges::equal(c, kSrgb, [](double a, double b) { return std::abs(a - b) < 0.001; });
    const bool usable = std::ranges::all_of(c, [](double v) { return v >= 0 && v <= 1; }) && c[1] > 0.01;
    if (!same && usable) out.chromaticities = c;
  }
  return out;
}

std::vector<TextChunk> texts_of(const PngReader& reader) {
  png_textp entries = nullptr;
  int count = 0;
  png_get_text(reader.png, reader.info, &entries, &count);
  std::vector<TextChunk> out;
  for (int i = 0; i < count; ++i) {
    const bool international = entries[i].compression >= PNG_ITXT_COMPRESSION_NONE;
    const size_t length = international ? entries[i].itxt_length : entries[i].text_length;
    const std::string_view text = length == 0 ? std::string_view() : std::string_view(entries[i].text, length);
    // Latin-1 by the standard, but programs write UTF-8 into it: bytes beyond ASCII that are UTF-8 are meant as such.
    const bool is_meant = international || is_utf8(text);
    out.push_back({latin1_to_utf8(entries[i].key), is_meant ? std::string(text) : latin1_to_utf8(text)});
  }
  return out;
}

// libpng keeps the chunk; it belongs to it.
std::span<const std::byte> exif_of(const PngReader& reader) {
  png_bytep data = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &data) == 0 || data == nullptr) return {};
  return std::as_bytes(std::span(data, size));
}

}  // namespace

DecodedPicture decode_png(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  check_header(bytes, where, limits);
  PngReader reader;
  reader.rest = limits.texts_only ? without_picture_data(bytes) : std::vector{bytes};
  // Text three times (a chunk as it lies in the file, unpacked, and kept), libpng's fixed needs with the zlib window,
  // and a few rows of at most 8 bytes a pixel.
  constexpr size_t kOwnNeeds = size_t{1} << 20;
  // One chunk may be as large as all text; never less than what a palette or a small profile needs (0 means no limit).
  constexpr png_alloc_size_t kSmallChunk = 64 << 10;
  const size_t longest_row = checked_mul(static_cast<size_t>(limits.max_side), 8);
  reader.budget =
      checked_add(checked_add(kOwnNeeds, checked_mul(3, limits.max_text_bytes)), checked_mul(4, longest_row));
  const auto damaged = [&] { fail(ErrorKind::BadFile, "{}: damaged PNG: {}", where, reader.fault.message.data()); };

  reader.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader.fault, on_png_error, on_png_warning, &reader,
                                        on_malloc, on_free);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) throw std::bad_alloc();
  size_t row_bytes = 0;
  int passes = 1;
  DecodedPicture out;
  Image& image = out.image;
  const bool opened = png_guarded(reader.png, [&] {
    png_set_read_fn(reader.png, &reader, on_read);
    png_set_user_limits(reader.png, static_cast<png_uint_32>(limits.max_side),
                        static_cast<png_uint_32>(limits.max_side));
    png_set_chunk_malloc_max(reader.png, std::max<png_alloc_size_t>(limits.max_text_bytes, kSmallChunk));
    // Picture data as a chunk that is nobody's: else libpng unpacks it, were it empty.
    if (limits.texts_only)
      png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_ALWAYS, reinterpret_cast<png_const_bytep>("IDAT"), 1);
    png_read_info(reader.png, reader.info);
    image.width = static_cast<int>(png_get_image_width(reader.png, reader.info));
    image.height = static_cast<int>(png_get_image_height(reader.png, reader.info));
    if (limits.texts_only) {
      png_read_end(reader.png, reader.info);
      return;
    }
    png_set_expand(reader.png);  // palettes, small grey depths, transparent colours
    png_set_scale_16(reader.png);
    png_set_gray_to_rgb(reader.png);
    passes = png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
    image.channels = png_get_channels(reader.png, reader.info);
    row_bytes = png_get_rowbytes(reader.png, reader.info);
  });
  if (!opened) damaged();
  if (!limits.texts_only) {
    image.pixels.resize(pixel_bytes(image.width, image.height, image.channels));
    check_image(image);
    if (row_bytes != static_cast<size_t>(image.width) * static_cast<size_t>(image.channels))
      fail(ErrorKind::BadFile, "{}: rows of {} bytes in a picture {} wide with {} channels", where, row_bytes,
           image.width, image.channels);
    // No row takes more than it has unpacked, and a little. With the last one libpng unpacks, and throws away, whatever
    // follows it in the stream: two megabytes would be two gigabytes of work.
    constexpr size_t kLittle = size_t{64} << 10;
    const size_t most_of_row = checked_add(checked_mul(static_cast<size_t>(image.width), 16), kLittle);
    const bool read = png_guarded(reader.png, [&] {
      for (int pass = 0; pass < passes; ++pass)
        for (int y = 0; y < image.height; ++y) {
          reader.left = most_of_row;
          png_read_row(reader.png, image.pixels.data() + static_cast<size_t>(y) * row_bytes, nullptr);
        }
      reader.left = SIZE_MAX;
      png_read_end(reader.png, reader.info);
    });
    if (!read) damaged();
  }
  out.texts = texts_of(reader);
  out.colours = colours_of(reader);
  out.is_animation = is_animated(bytes);
  const Exif exif = read_exif(exif_of(reader));
  out.orientation = exif.orientation;
  out.texts.insert(out.texts.end(), exif.texts.begin(), exif.texts.end());
  size_t text_bytes = 0;
  for (const TextChunk& text : out.texts) text_bytes += text.key.size() + text.text.size();
  if (text_bytes > limits.max_text_bytes)
    fail(ErrorKind::BadFile, "{}: {} bytes of text entries, at most {}", where, text_bytes, limits.max_text_bytes);
  return out;
}

}  // namespace newbie
