// Writing PNG: RGB or RGBA rows and text entries.
#include <png.h>

#include <algorithm>
#include <new>

#include "core/error.h"
#include "image/png.h"
#include "image/png_guard.h"
#include "image/unicode.h"

namespace newbie {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
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

struct PngWriter {
  PngFault fault;
  std::vector<std::byte> bytes;
  bool out_of_memory = false;
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

void on_write(png_structp png, png_bytep data, size_t size) {
  PngWriter* writer = static_cast<PngWriter*>(png_get_io_ptr(png));
  try {
    const std::byte* first = reinterpret_cast<const std::byte*>(data);
    writer->bytes.insert(writer->bytes.end(), first, first + size);
    return;
  } catch (const std::exception&) {  // must not fly through C code
    writer->out_of_memory = true;
  }
  png_error(png, "out of memory");
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

  PngWriter writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer.fault, on_png_error, on_png_warning);
  if (writer.png != nullptr) writer.info = png_create_info_struct(writer.png);
  if (writer.info == nullptr) throw std::bad_alloc();
  const size_t row_bytes = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  const bool written = png_guarded(writer.png, [&] {
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

}  // namespace newbie
