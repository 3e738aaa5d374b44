// libpng reports errors by longjmp, which skips destructors. So every run of libpng calls sits in a `guarded` step that
// creates nothing with a destructor; what lives longer (buffers, messages, libpng's own structs) is owned outside.
#include "image/png.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/checked.h"

namespace newbie {
namespace {

// Where libpng leaves its message before it jumps.
struct Fault {
  std::array<char, 160> message{};
};

void on_error(png_structp png, png_const_charp message) {
  Fault* fault = static_cast<Fault*>(png_get_error_ptr(png));
  std::strncpy(fault->message.data(), message, fault->message.size() - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}  // libraries do not print

// Runs libpng calls; false when libpng gave up.
template <typename Step>
bool guarded(png_structp png, const Step& step) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  step();
  return true;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Well-formed UTF-8: no stray or missing continuation, no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned lead = byte(i);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : (lead & 0xF0) == 0xE0       ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || text.size() - i < length) return false;
    for (size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    if (length > 2) {
      const unsigned second = byte(i + 1);
      if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
          (lead == 0xF4 && second > 0x8F))
        return false;
    }
    i += length;
  }
  return true;
}

void check_text(const TextChunk& chunk) {
  const bool printable = std::ranges::all_of(chunk.key, [](char c) { return c >= ' ' && c <= '~'; });
  if (chunk.key.empty() || chunk.key.size() > 79 || !printable || chunk.key.front() == ' ' || chunk.key.back() == ' ' ||
      chunk.key.find("  ") != std::string::npos)
    fail(ErrorKind::InvalidRequest,
         "PNG text key of {} bytes: expected 1 to 79 printable ASCII characters, single spaces only inside",
         chunk.key.size());
  if (chunk.text.size() > PNG_UINT_31_MAX - 128)
    fail(ErrorKind::InvalidRequest, "PNG text '{}': {} bytes are too many for a chunk", chunk.key, chunk.text.size());
  if (!is_utf8(chunk.text) || chunk.text.find('\0') != std::string::npos)
    fail(ErrorKind::InvalidRequest, "PNG text '{}': expected UTF-8 without zero bytes", chunk.key);
}

// --- writing

struct Writer {
  Fault fault;
  std::vector<std::byte> bytes;
  bool out_of_memory = false;
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

void on_write(png_structp png, png_bytep data, size_t size) {
  Writer* writer = static_cast<Writer*>(png_get_io_ptr(png));
  try {
    const std::byte* first = reinterpret_cast<const std::byte*>(data);
    writer->bytes.insert(writer->bytes.end(), first, first + size);
    return;
  } catch (const std::exception&) {  // must not fly through C code
    writer->out_of_memory = true;
  }
  png_error(png, "out of memory");
}

// --- reading

struct Reader {
  Fault fault;
  std::span<const std::byte> rest;  // what is not yet read
  size_t budget = 0;                // bytes libpng may still take for itself
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_read(png_structp png, png_bytep out, size_t size) {
  Reader* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (size > reader->rest.size()) png_error(png, "the file ends too early");
  std::memcpy(out, reader->rest.data(), size);
  reader->rest = reader->rest.subspan(size);
}

// libpng's own memory, counted: whatever a file makes it unpack, it cannot pass the budget. The size is kept in front
// of the block, in a header that preserves alignment.
constexpr size_t kBlockHeader = alignof(std::max_align_t);

png_voidp on_malloc(png_structp png, png_alloc_size_t size) {
  Reader* reader = static_cast<Reader*>(png_get_mem_ptr(png));
  if (size > reader->budget || size > SIZE_MAX - kBlockHeader) return nullptr;
  std::byte* block = static_cast<std::byte*>(std::malloc(size + kBlockHeader));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  reader->budget -= size;
  return block + kBlockHeader;
}

void on_free(png_structp png, png_voidp data) {
  if (data == nullptr) return;
  Reader* reader = static_cast<Reader*>(png_get_mem_ptr(png));
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
void check_header(std::span<const std::byte> bytes, std::string_view where, const PngLimits& limits) {
  constexpr size_t kHeaderBytes = 8 + 8 + 13 + 4;  // signature, chunk head, IHDR, checksum
  constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
  if (bytes.size() < kHeaderBytes)
    fail(ErrorKind::BadFile, "{}: expected at least {} bytes of PNG, got {}", where, kHeaderBytes, bytes.size());
  if (std::memcmp(bytes.data(), kSignature.data(), kSignature.size()) != 0)
    fail(ErrorKind::BadFile, "{}: not a PNG (the signature is missing)", where);
  const uint64_t width = big_endian(bytes.subspan<16, 4>()), height = big_endian(bytes.subspan<20, 4>());
  const uint64_t side = static_cast<uint64_t>(std::max(limits.max_side, 0));
  if (width > side || height > side || width * height > limits.max_pixels)
    fail(ErrorKind::BadFile, "{}: a picture of {}x{}, expected sides up to {} and up to {} pixels", where, width,
         height, limits.max_side, limits.max_pixels);
}

std::string latin1_to_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const unsigned u = static_cast<unsigned char>(c);
    if (u < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xC0 | u >> 6);
      out += static_cast<char>(0x80 | (u & 0x3F));
    }
  }
  return out;
}

std::vector<TextChunk> texts_of(const Reader& reader) {
  png_textp entries = nullptr;
  int count = 0;
  png_get_text(reader.png, reader.info, &entries, &count);
  std::vector<TextChunk> out;
  for (int i = 0; i < count; ++i) {
    const bool international = entries[i].compression >= PNG_ITXT_COMPRESSION_NONE;
    const size_t length = international ? entries[i].itxt_length : entries[i].text_length;
    const std::string_view text = length == 0 ? std::string_view() : std::string_view(entries[i].text, length);
    out.push_back({latin1_to_utf8(entries[i].key), international ? std::string(text) : latin1_to_utf8(text)});
  }
  return out;
}

}  // namespace

std::vector<std::byte> encode_png(const Image& image, std::span<const TextChunk> texts) {
  check_image(image);
  if (image.width > PNG_USER_WIDTH_MAX || image.height > PNG_USER_HEIGHT_MAX)
    fail(ErrorKind::InvalidRequest, "PNG: a picture of {}x{} is too large to write", image.width, image.height);
  std::vector<png_text> entries;
  for (const TextChunk& chunk : texts) {
    check_text(chunk);
    png_text entry{};
    entry.compression = is_ascii(chunk.text) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    entry.key = const_cast<char*>(chunk.key.c_str());  // libpng copies both and writes to neither
    entry.text = const_cast<char*>(chunk.text.c_str());
    (entry.compression == PNG_TEXT_COMPRESSION_NONE ? entry.text_length : entry.itxt_length) = chunk.text.size();
    entries.push_back(entry);
  }

  Writer writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer.fault, on_error, on_warning);
  if (writer.png != nullptr) writer.info = png_create_info_struct(writer.png);
  if (writer.info == nullptr) throw std::bad_alloc();
  const size_t row_bytes = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  const bool written = guarded(writer.png, [&] {
    png_set_write_fn(writer.png, &writer, on_write, nullptr);
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height),
                 8, image.channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!entries.empty()) png_set_text(writer.png, writer.info, entries.data(), static_cast<int>(entries.size()));
    png_write_info(writer.png, writer.info);
    for (size_t y = 0; y < static_cast<size_t>(image.height); ++y)
      png_write_row(writer.png, image.pixels.data() + y * row_bytes);
    png_write_end(writer.png, nullptr);
  });
  if (writer.out_of_memory) throw std::bad_alloc();
  if (!written) fail(ErrorKind::Internal, "PNG: libpng could not write the picture: {}", writer.fault.message.data());
  return std::move(writer.bytes);
}

DecodedPng decode_png(std::span<const std::byte> bytes, std::string_view where, const PngLimits& limits) {
  check_header(bytes, where, limits);
  Reader reader;
  reader.rest = bytes;
  // Text three times (a chunk as it lies in the file, unpacked, and kept), libpng's fixed needs with the zlib window,
  // and a few rows of at most 8 bytes a pixel.
  constexpr size_t kOwnNeeds = size_t{1} << 20;
  // One chunk may be as large as all text; never less than what a palette or a small profile needs (0 means no limit).
  constexpr png_alloc_size_t kSmallChunk = 64 << 10;
  const size_t longest_row = checked_mul(static_cast<size_t>(limits.max_side), 8);
  reader.budget =
      checked_add(checked_add(kOwnNeeds, checked_mul(3, limits.max_text_bytes)), checked_mul(4, longest_row));
  const auto damaged = [&] { fail(ErrorKind::BadFile, "{}: damaged PNG: {}", where, reader.fault.message.data()); };

  reader.png =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader.fault, on_error, on_warning, &reader, on_malloc, on_free);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) throw std::bad_alloc();
  size_t row_bytes = 0;
  DecodedPng out;
  Image& image = out.image;
  const bool opened = guarded(reader.png, [&] {
    png_set_read_fn(reader.png, &reader, on_read);
    png_set_user_limits(reader.png, static_cast<png_uint_32>(limits.max_side),
                        static_cast<png_uint_32>(limits.max_side));
    png_set_chunk_malloc_max(reader.png, std::max<png_alloc_size_t>(limits.max_text_bytes, kSmallChunk));
    png_read_info(reader.png, reader.info);
    png_set_expand(reader.png);  // palettes, small grey depths, transparent colours
    png_set_scale_16(reader.png);
    png_set_gray_to_rgb(reader.png);
    png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
    image.width = static_cast<int>(png_get_image_width(reader.png, reader.info));
    image.height = static_cast<int>(png_get_image_height(reader.png, reader.info));
    image.channels = png_get_channels(reader.png, reader.info);
    row_bytes = png_get_rowbytes(reader.png, reader.info);
  });
  if (!opened) damaged();
  image.pixels.resize(pixel_bytes(image.width, image.height, image.channels));
  check_image(image);
  if (row_bytes != static_cast<size_t>(image.width) * static_cast<size_t>(image.channels))
    fail(ErrorKind::BadFile, "{}: rows of {} bytes in a picture {} wide with {} channels", where, row_bytes,
         image.width, image.channels);
  std::vector<png_bytep> rows(static_cast<size_t>(image.height));
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = image.pixels.data() + y * row_bytes;
  const bool read = guarded(reader.png, [&] {
    png_read_image(reader.png, rows.data());
    png_read_end(reader.png, reader.info);
  });
  if (!read) damaged();
  out.texts = texts_of(reader);
  size_t text_bytes = 0;
  for (const TextChunk& text : out.texts) text_bytes += text.key.size() + text.text.size();
  if (text_bytes > limits.max_text_bytes)
    fail(ErrorKind::BadFile, "{}: {} bytes of text entries, at most {}", where, text_bytes, limits.max_text_bytes);
  return out;
}

}  // namespace newbie
