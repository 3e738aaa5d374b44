#include "image/webp.h"

#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <algorithm>
#include <memory>
#include <new>

#include "core/checked.h"
#include "image/exif.h"

namespace newbie {

namespace {

const uint8_t* octets(std::span<const std::byte> bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

struct Exporter {
  WebPPicture picture{};
  WebPMemoryWriter memory{};
  Exporter() { WebPMemoryWriterInit(&memory); }
  ~Exporter() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&memory);
  }
};

struct MuxDelete {
  void operator()(WebPMux* mux) const { WebPMuxDelete(mux); }
};
struct DemuxDelete {
  void operator()(WebPDemuxer* demux) const { WebPDemuxDelete(demux); }
};

// The file with an EXIF chunk in it.
std::vector<std::byte> with_exif(std::span<const std::byte> file, std::span<const std::byte> exif) {
  const WebPData whole{octets(file), file.size()}, chunk{octets(exif), exif.size()};
  const std::unique_ptr<WebPMux, MuxDelete> mux(WebPMuxCreate(&whole, 0));
  WebPData assembled{};
  if (!mux || WebPMuxSetChunk(mux.get(), "EXIF", &chunk, 0) != WEBP_MUX_OK ||
      WebPMuxAssemble(mux.get(), &assembled) != WEBP_MUX_OK)
    fail(ErrorKind::Internal, "WebP: libwebp could not add the texts");
  const std::unique_ptr<WebPData, void (*)(WebPData*)> owner(&assembled, WebPDataClear);
  const auto* first = reinterpret_cast<const std::byte*>(assembled.bytes);
  return {first, first + assembled.size};
}

Exif exif_of(std::span<const std::byte> file, std::string_view where, const DecodeLimits& limits) {
  const WebPData whole{octets(file), file.size()};
  const std::unique_ptr<WebPDemuxer, DemuxDelete> demux(WebPDemux(&whole));
  WebPChunkIterator chunk{};
  if (!demux || WebPDemuxGetChunk(demux.get(), "EXIF", 1, &chunk) == 0) return {};
  const std::unique_ptr<WebPChunkIterator, void (*)(WebPChunkIterator*)> owner(&chunk, WebPDemuxReleaseChunkIterator);
  if (chunk.chunk.size > limits.max_text_bytes)
    fail(ErrorKind::BadFile, "{}: {} bytes of text entries, at most {}", where, chunk.chunk.size,
         limits.max_text_bytes);
  return read_exif(std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size)));
}

ColourFacts colours_of_webp(std::span<const std::byte> file) {
  const WebPData whole{octets(file), file.size()};
  const std::unique_ptr<WebPDemuxer, DemuxDelete> demux(WebPDemux(&whole));
  WebPChunkIterator chunk{};
  if (!demux || WebPDemuxGetChunk(demux.get(), "ICCP", 1, &chunk) == 0) return {};
  const std::unique_ptr<WebPChunkIterator, void (*)(WebPChunkIterator*)> owner(&chunk, WebPDemuxReleaseChunkIterator);
  const auto* first = reinterpret_cast<const std::byte*>(chunk.chunk.bytes);
  ColourFacts out;
  if (chunk.chunk.size <= kMaxIccBytes) out.icc.assign(first, first + chunk.chunk.size);
  return out;
}

}  // namespace

namespace {

// The first picture of an animation on its canvas, which is transparent where it does not reach.
Image first_frame(std::span<const std::byte> bytes, std::string_view where, int width, int height) {
  const WebPData whole{octets(bytes), bytes.size()};
  const std::unique_ptr<WebPDemuxer, DemuxDelete> demux(WebPDemux(&whole));
  WebPIterator frame{};
  if (!demux || WebPDemuxGetFrame(demux.get(), 1, &frame) == 0)
    fail(ErrorKind::BadFile, "{}: damaged WebP: an animation without a first picture", where);
  const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> owner(&frame, WebPDemuxReleaseIterator);
  if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width < 1 || frame.height < 1 ||
      frame.x_offset > width - frame.width || frame.y_offset > height - frame.height)
    fail(ErrorKind::BadFile, "{}: damaged WebP: a picture outside of its canvas", where);
  const bool is_whole = frame.width == width && frame.height == height && frame.has_alpha == 0;
  Image out{.width = width, .height = height, .channels = is_whole ? 3 : 4};
  out.pixels.assign(pixel_bytes(width, height, out.channels), uint8_t{0});
  const int stride = width * out.channels;
  const size_t first = static_cast<size_t>(frame.y_offset) * static_cast<size_t>(stride) +
                       static_cast<size_t>(frame.x_offset) * static_cast<size_t>(out.channels);
  const auto decode = is_whole ? WebPDecodeRGBInto : WebPDecodeRGBAInto;
  if (decode(frame.fragment.bytes, frame.fragment.size, out.pixels.data() + first, out.pixels.size() - first, stride) ==
      nullptr)
    fail(ErrorKind::BadFile, "{}: damaged WebP: the first picture cannot be read", where);
  return out;
}

}  // namespace

std::vector<std::byte> encode_webp(const Image& image, int quality, std::span<const TextChunk> texts) {
  check_image(image);
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION)
    fail(ErrorKind::InvalidRequest, "WebP: a picture of {}x{}, sides go up to {}", image.width, image.height,
         WEBP_MAX_DIMENSION);
  if (quality < 1 || quality > 100) fail(ErrorKind::InvalidRequest, "WebP: quality {}, expected 1 to 100", quality);
  const std::vector<std::byte> exif = write_exif(texts);

  constexpr int kLosslessEffort = 6;  // of 9
  WebPConfig config;
  Exporter out;
  if (!WebPConfigInit(&config) || !WebPPictureInit(&out.picture))
    fail(ErrorKind::Internal, "WebP: the library is of another version than its headers");
  config.quality = static_cast<float>(quality);
  config.use_sharp_yuv = 1;  // thin coloured lines stay lines
  if (quality == 100) WebPConfigLosslessPreset(&config, kLosslessEffort);
  out.picture.use_argb = 1;
  out.picture.width = image.width;
  out.picture.height = image.height;
  out.picture.writer = WebPMemoryWrite;
  out.picture.custom_ptr = &out.memory;
  const int stride = image.width * image.channels;
  const int imported = image.channels == 4 ? WebPPictureImportRGBA(&out.picture, image.pixels.data(), stride)
                                           : WebPPictureImportRGB(&out.picture, image.pixels.data(), stride);
  if (!imported) throw std::bad_alloc();
  if (!WebPEncode(&config, &out.picture)) {
    if (out.picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY) throw std::bad_alloc();
    fail(ErrorKind::Internal, "WebP: libwebp could not write the picture: error {}",
         static_cast<int>(out.picture.error_code));
  }
  const std::span file(reinterpret_cast<const std::byte*>(out.memory.mem), out.memory.size);
  return exif.empty() ? std::vector<std::byte>(file.begin(), file.end()) : with_exif(file, exif);
}

DecodedPicture decode_webp(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config))
    fail(ErrorKind::Internal, "WebP: the library is of another version than its headers");
  const WebPBitstreamFeatures& found = config.input;
  if (const VP8StatusCode status = WebPGetFeatures(octets(bytes), bytes.size(), &config.input); status != VP8_STATUS_OK)
    fail(ErrorKind::BadFile, "{}: damaged WebP: the header cannot be read (status {})", where,
         static_cast<int>(status));
  check_size(limits, where, found.width, found.height);
  // Pixels, turned upright once more, and what libwebp holds of a picture without loss: four bytes a pixel.
  const size_t pixels = static_cast<size_t>(found.width) * static_cast<size_t>(found.height);
  check_memory(limits, where, found.width, found.height, pixels * 4 * 3);
  DecodedPicture out;
  out.colours = colours_of_webp(bytes);
  Image& image = out.image;
  if (found.has_animation != 0) {
    out.is_animation = true;
    image = limits.texts_only ? Image{.width = found.width, .height = found.height}
                              : first_frame(bytes, where, found.width, found.height);
    return out;
  }
  image = {.width = found.width, .height = found.height, .channels = found.has_alpha ? 4 : 3};
  Exif exif = exif_of(bytes, where, limits);
  out.orientation = exif.orientation;
  out.texts = std::move(exif.texts);
  if (limits.texts_only) return out;
  image.pixels.resize(pixel_bytes(image.width, image.height, image.channels));
  config.output.colorspace = found.has_alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {
      .rgba = image.pixels.data(), .stride = image.width * image.channels, .size = image.pixels.size()};
  const VP8StatusCode status = WebPDecode(octets(bytes), bytes.size(), &config);
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != VP8_STATUS_OK)
    fail(ErrorKind::BadFile, "{}: damaged WebP: the picture cannot be read (status {})", where,
         static_cast<int>(status));
  return out;
}

}  // namespace newbie
