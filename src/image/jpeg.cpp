#include "image/jpeg.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "core/checked.h"
#include "image/exif.h"
#include "image/inks.h"
#include "image/jpeg_guard.h"
#include "image/unicode.h"

namespace newbie {

namespace {

constexpr size_t kSegmentBytes = 65533;  // what a marker segment holds beside its length
constexpr std::string_view kExifPrefix{"Exif\0\0", 6};
constexpr int kFullColourQuality = 90;

struct JpegReader {
  JpegFault fault;
  jpeg_progress_mgr progress{};
  jpeg_source_mgr source{};
  jpeg_decompress_struct codec{};
  bool created = false;
  ~JpegReader() {
    if (created) jpeg_destroy_decompress(&codec);
  }
};

boolean on_fill(j_decompress_ptr codec) {  // all bytes were given at once
  ERREXIT(codec, JERR_INPUT_EOF);
  return FALSE;
}
void on_skip(j_decompress_ptr codec, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > codec->src->bytes_in_buffer) ERREXIT(codec, JERR_INPUT_EOF);
  codec->src->next_input_byte += count;
  codec->src->bytes_in_buffer -= static_cast<size_t>(count);
}
void on_source(j_decompress_ptr) {}

// libjpeg goes on after damage with a warning; a picture that is partly grey is no picture.
void on_warning(j_common_ptr codec, int level) {
  if (level >= 0) return;
  const int code = codec->err->msg_code;
  if (code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_JPEG_EOF) on_jpeg_error(codec);
}

void on_progress(j_common_ptr codec) {
  const auto* picture = reinterpret_cast<j_decompress_ptr>(codec);
  const size_t scans = static_cast<size_t>(std::max(picture->input_scan_number, 0));
  const size_t pixels = size_t{picture->image_width} * picture->image_height;
  if (scans > most_jpeg_scans(pixels)) give_up(codec, "more scans than its size needs");
}

void cmyk_to_rgb(const uint8_t* row, size_t width, bool inverted, uint8_t* out) {
  for (size_t x = 0; x < width; ++x, row += 4, out += 3) {
    std::array<uint8_t, 4> inks;
    for (size_t c = 0; c < 4; ++c) inks[c] = static_cast<uint8_t>(inverted ? 255 - row[c] : row[c]);
    inks_to_rgb(inks.data(), out);
  }
}

// "key:text" lines of the comment segments, which are one text cut into pieces.
std::vector<TextChunk> comment_texts(std::string_view comment) {
  std::vector<TextChunk> out;
  while (!comment.empty()) {
    const size_t end = std::min(comment.find('\n'), comment.size());
    const std::string_view line = comment.substr(0, end);
    comment.remove_prefix(std::min(end + 1, comment.size()));
    const size_t colon = line.find(":{");
    if (colon == std::string_view::npos || colon == 0 || colon > 40) continue;
    const std::string_view key = line.substr(0, colon), text = line.substr(colon + 1);
    if (std::ranges::any_of(key, [](char c) { return c < 'a' || c > 'z'; }) || !is_utf8(text)) continue;
    out.push_back({std::string(key), std::string(text)});
  }
  return out;
}

struct JpegWriter {
  JpegFault fault;
  jpeg_compress_struct codec{};
  bool created = false;
  unsigned char* bytes = nullptr;  // malloc'ed by libjpeg
  unsigned long size = 0;
  ~JpegWriter() {
    if (created) jpeg_destroy_compress(&codec);
    std::free(bytes);
  }
};

}  // namespace

size_t most_jpeg_scans(size_t pixels) {
  constexpr size_t kMost = 500, kScannedPixels = size_t{1} << 31;
  return std::clamp(kScannedPixels / std::max<size_t>(pixels, 1), size_t{1}, kMost);
}

std::vector<std::byte> encode_jpeg(const Image& image, int quality, std::span<const TextChunk> texts) {
  check_image(image);
  if (image.channels != 3)
    fail_with_hint(ErrorKind::InvalidRequest, "flatten the alpha channel first", "JPEG: a picture with {} channels",
                   image.channels);
  if (image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION)
    fail(ErrorKind::InvalidRequest, "JPEG: a picture of {}x{}, sides go up to {}", image.width, image.height,
         JPEG_MAX_DIMENSION);
  if (quality < 1 || quality > 100) fail(ErrorKind::InvalidRequest, "JPEG: quality {}, expected 1 to 100", quality);
  std::string exif, comment;
  for (const TextChunk& chunk : texts) {
    if (chunk.key == "parameters") {
      const std::vector<std::byte> block = write_exif(std::span(&chunk, 1));
      exif = std::string(kExifPrefix) + std::string(reinterpret_cast<const char*>(block.data()), block.size());
      continue;
    }
    if (!is_utf8(chunk.text) || chunk.text.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
      fail(ErrorKind::InvalidRequest, "JPEG text '{}': expected one line of UTF-8", chunk.key);
    comment += (comment.empty() ? "" : "\n") + chunk.key + ":" + chunk.text;
  }
  if (exif.size() > kSegmentBytes) exif.clear();

  JpegWriter writer;
  writer.codec.err = prepare_jpeg_fault(writer.fault);
  jpeg_compress_struct& c = writer.codec;
  const size_t row_bytes = static_cast<size_t>(image.width) * 3;
  const bool written = jpeg_guarded(writer.fault, [&] {
    jpeg_create_compress(&c);
    writer.created = true;
    jpeg_mem_dest(&c, &writer.bytes, &writer.size);
    c.image_width = static_cast<JDIMENSION>(image.width);
    c.image_height = static_cast<JDIMENSION>(image.height);
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    if (quality >= kFullColourQuality) c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = 1;
    c.optimize_coding = TRUE;
    jpeg_start_compress(&c, TRUE);
    if (!exif.empty())
      jpeg_write_marker(&c, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                        static_cast<unsigned>(exif.size()));
    for (size_t at = 0; at < comment.size(); at += kSegmentBytes)
      jpeg_write_marker(&c, JPEG_COM, reinterpret_cast<const JOCTET*>(comment.data()) + at,
                        static_cast<unsigned>(std::min(kSegmentBytes, comment.size() - at)));
    for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
      JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data() + y * row_bytes);  // libjpeg does not write to it
      jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
  });
  if (!written) {
    if (writer.codec.err->msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    fail(ErrorKind::Internal, "JPEG: libjpeg could not write the picture: {}", writer.fault.message.data());
  }
  const auto* first = reinterpret_cast<const std::byte*>(writer.bytes);
  return {first, first + writer.size};
}

DecodedPicture decode_jpeg(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  if (bytes.size() < 4 || bytes[0] != std::byte{0xFF} || bytes[1] != std::byte{0xD8})
    fail(ErrorKind::BadFile, "{}: not a JPEG (the signature is missing)", where);
  JpegReader reader;
  jpeg_decompress_struct& c = reader.codec;
  c.err = prepare_jpeg_fault(reader.fault);
  reader.fault.manager.emit_message = on_warning;
  reader.progress.progress_monitor = on_progress;
  reader.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  reader.source.bytes_in_buffer = bytes.size();
  reader.source.init_source = reader.source.term_source = on_source;
  reader.source.fill_input_buffer = on_fill;
  reader.source.skip_input_data = on_skip;
  reader.source.resync_to_restart = jpeg_resync_to_restart;
  const auto damaged = [&] {
    if (c.err->msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    fail(ErrorKind::BadFile, "{}: damaged JPEG: {}", where, reader.fault.message.data());
  };

  const bool opened = jpeg_guarded(reader.fault, [&] {
    jpeg_create_decompress(&c);
    reader.created = true;
    c.src = &reader.source;
    c.progress = &reader.progress;
    // Coefficients of a progressive picture (16 bit, up to four components, whole blocks), segments kept, and rows. A
    // long is what libjpeg counts in.
    c.mem->max_memory_to_use = static_cast<long>(std::min<size_t>(
        limits.max_pixels * 8 + limits.max_text_bytes + static_cast<size_t>(limits.max_side) * 1024, 1L << 40));
    jpeg_save_markers(&c, JPEG_COM, kSegmentBytes);
    jpeg_save_markers(&c, JPEG_APP0 + 1, kSegmentBytes);
    jpeg_save_markers(&c, JPEG_APP0 + 2, kSegmentBytes);  // pieces of an ICC profile
    jpeg_read_header(&c, TRUE);
  });
  if (!opened) damaged();
  check_size(limits, where, c.image_width, c.image_height);
  // Pixels, turned upright once more; of a progressive picture its coefficients, 16 bits each, in whole blocks.
  const size_t padded = checked_mul(size_t{c.image_width} + 64, size_t{c.image_height} + 64);
  const size_t coefficients = c.progressive_mode != 0 ? padded * static_cast<size_t>(c.num_components) * 2 : 0;
  check_memory(limits, where, c.image_width, c.image_height, padded * 3 * 2 + coefficients);
  const bool ink = c.jpeg_color_space == JCS_CMYK || c.jpeg_color_space == JCS_YCCK;
  c.out_color_space = ink ? JCS_CMYK : JCS_RGB;

  DecodedPicture out;
  std::string comment;
  size_t kept = 0;
  for (const jpeg_marker_struct* m = c.marker_list; m != nullptr; m = m->next) {
    kept += m->data_length;
    if (kept > limits.max_text_bytes)
      fail(ErrorKind::BadFile, "{}: more than {} bytes of text entries", where, limits.max_text_bytes);
    const std::string_view data(reinterpret_cast<const char*>(m->data), m->data_length);
    if (m->marker == JPEG_COM) {
      comment += data;
    } else if (data.starts_with(kExifPrefix)) {
      const Exif exif = read_exif(std::as_bytes(std::span(data)));
      out.orientation = exif.orientation;
      out.texts.insert(out.texts.end(), exif.texts.begin(), exif.texts.end());
    }
  }
  for (TextChunk& text : comment_texts(comment)) out.texts.push_back(std::move(text));

  JOCTET* icc = nullptr;
  unsigned icc_bytes = 0;
  // CMYK is turned to RGB below without its profile: it is told when it is asked for.
  if (jpeg_guarded(reader.fault, [&] { jpeg_read_icc_profile(&c, &icc, &icc_bytes); }) && icc != nullptr) {
    const std::unique_ptr<JOCTET, decltype(&std::free)> owner(icc, std::free);
    const auto* first = reinterpret_cast<const std::byte*>(icc);
    if (icc_bytes <= kMaxIccBytes) out.colours.icc.assign(first, first + icc_bytes);
  }

  Image& image = out.image;
  image = {.width = static_cast<int>(c.image_width), .height = static_cast<int>(c.image_height), .channels = 3};
  if (limits.texts_only) return out;
  image.pixels.resize(pixel_bytes(image.width, image.height, 3));
  const size_t width = c.image_width, row_bytes = width * 3;
  std::vector<uint8_t> inks(ink ? width * 4 : 0);
  const bool read = jpeg_guarded(reader.fault, [&] {
    jpeg_start_decompress(&c);
    while (c.output_scanline < c.output_height) {
      uint8_t* to = image.pixels.data() + c.output_scanline * row_bytes;
      JSAMPROW row = ink ? inks.data() : to;
      if (jpeg_read_scanlines(&c, &row, 1) != 1) ERREXIT(&c, JERR_INPUT_EOF);
      if (ink) cmyk_to_rgb(inks.data(), width, c.saw_Adobe_marker == TRUE, to);
    }
    jpeg_finish_decompress(&c);
  });
  if (!read) damaged();
  return out;
}

}  // namespace newbie
