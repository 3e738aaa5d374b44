#include "image/avif.h"

#include <dav1d/dav1d.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "core/checked.h"
#include "core/error.h"
#include "image/avif_container.h"
#include "image/exif.h"
#include "image/yuv.h"

namespace newbie {

namespace {

// A still picture is one picture of the coder's, with film grain two, and layers are one each. More are a film's, or an
// attack: each may cost its size in memory, and in time.
constexpr int kMostPictures = 8;
constexpr size_t kMostLivePictures = 4;
constexpr size_t kPictureAlignment = DAV1D_PICTURE_ALIGNMENT;
constexpr int kSideMultiple = 128;  // dav1d writes over a picture's edges
// What dav1d holds beside pictures: of each pixel (docs/from-pictures.md has the measurement), and at all.
constexpr size_t kWorkPerPixel = 4, kWorkBytes = size_t{8} << 20;

// The memory of a coder's pictures, counted.
struct PictureMemory {
  size_t left = 0;
  int pictures_left = kMostPictures;
  bool refused = false;
};

struct PlaneSizes {
  ptrdiff_t luma_row = 0, chroma_row = 0;
  size_t luma = 0, chroma = 0;
  size_t bytes() const { return luma + 2 * chroma + kPictureAlignment; }
};

PlaneSizes plane_sizes(int width, int height, Dav1dPixelLayout layout, int bits) {
  const size_t w = round_up(static_cast<size_t>(width), kSideMultiple),
               h = round_up(static_cast<size_t>(height), kSideMultiple);
  const bool half_width = layout == DAV1D_PIXEL_LAYOUT_I420 || layout == DAV1D_PIXEL_LAYOUT_I422;
  const bool half_height = layout == DAV1D_PIXEL_LAYOUT_I420;
  const size_t row = w * (bits > 8 ? 2 : 1) + kPictureAlignment;  // rows of a power of two would share cache lines
  const size_t small_row = layout == DAV1D_PIXEL_LAYOUT_I400 ? 0
                           : half_width                      ? round_up(row / 2, kPictureAlignment)
                                                             : row;
  return {static_cast<ptrdiff_t>(row), static_cast<ptrdiff_t>(small_row), row * h,
          small_row * (half_height ? h / 2 : h)};
}

// dav1d asks for each of its pictures here, and gives them back. Neither may throw.
int on_allocate(Dav1dPicture* picture, void* cookie) noexcept {
  auto& memory = *static_cast<PictureMemory*>(cookie);
  const PlaneSizes sizes = plane_sizes(picture->p.w, picture->p.h, picture->p.layout, picture->p.bpc);
  if (sizes.bytes() > memory.left || memory.pictures_left == 0) {
    memory.refused = true;
    return DAV1D_ERR(ENOMEM);
  }
  auto* first = static_cast<uint8_t*>(::operator new(sizes.bytes(), std::align_val_t(kPictureAlignment), std::nothrow));
  if (first == nullptr) return DAV1D_ERR(ENOMEM);
  std::fill_n(first, sizes.bytes(), uint8_t{0});  // a damaged picture shows nobody's memory
  memory.left -= sizes.bytes();
  --memory.pictures_left;
  picture->data[0] = first;
  picture->data[1] = sizes.chroma == 0 ? nullptr : first + sizes.luma;
  picture->data[2] = sizes.chroma == 0 ? nullptr : first + sizes.luma + sizes.chroma;
  picture->stride[0] = sizes.luma_row;
  picture->stride[1] = sizes.chroma_row;
  picture->allocator_data = first;
  return 0;
}

void on_release(Dav1dPicture* picture, void* cookie) noexcept {
  auto& memory = *static_cast<PictureMemory*>(cookie);
  memory.left += plane_sizes(picture->p.w, picture->p.h, picture->p.layout, picture->p.bpc).bytes();
  ::operator delete(picture->allocator_data, std::align_val_t(kPictureAlignment));
}

struct ContextClose {
  void operator()(Dav1dContext* context) const { dav1d_close(&context); }
};

struct PictureOwner {
  Dav1dPicture picture{};
  ~PictureOwner() {
    if (picture.data[0] != nullptr) dav1d_picture_unref(&picture);
  }
};

struct DataOwner {
  Dav1dData data{};
  ~DataOwner() {
    if (data.data != nullptr) dav1d_data_unref(&data);
  }
};

void on_data_free(const uint8_t*, void*) {}  // the bytes are the caller's

std::vector<std::byte> joined(const std::vector<std::span<const std::byte>>& pieces) {
  std::vector<std::byte> out;
  for (const auto piece : pieces) out.insert(out.end(), piece.begin(), piece.end());
  return out;
}

Dav1dSequenceHeader header_of(std::span<const std::byte> bytes, std::string_view where) {
  Dav1dSequenceHeader out{};
  if (dav1d_parse_sequence_header(&out, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) != 0)
    fail(ErrorKind::BadFile, "{}: damaged AVIF: the coded picture has no header", where);
  return out;
}

// Bytes of what the coder may hold at its largest moment, of its pictures alone and of everything.
struct CoderMemory {
  size_t pictures = 0, all = 0;
};
CoderMemory coder_memory(const AvifCoded& coded, const Dav1dSequenceHeader& header) {
  const int bits = 8 + 2 * header.hbd;
  const size_t one =
      plane_sizes(static_cast<int>(coded.width), static_cast<int>(coded.height), header.layout, bits).bytes();
  const size_t pixels = static_cast<size_t>(coded.width * coded.height);
  const size_t pictures = one * kMostLivePictures;
  return {pictures, pictures + pixels * kWorkPerPixel + kWorkBytes};
}

// Decodes one coded picture and hands it to `use`.
template <typename Use>
void decode_tile(std::span<const std::byte> bytes, const AvifCoded& coded, std::string_view where, Use use) {
  PictureMemory memory{.left = coder_memory(coded, header_of(bytes, where)).pictures};
  Dav1dSettings settings;
  dav1d_default_settings(&settings);
  settings.n_threads = 1;  // with more, memory is theirs
  settings.max_frame_delay = 1;
  settings.all_layers = 0;
  settings.operating_point = coded.operating_point;
  settings.frame_size_limit = static_cast<unsigned>(coded.width * coded.height);
  settings.allocator = {&memory, on_allocate, on_release};
  settings.logger.callback = nullptr;  // libraries do not print
  Dav1dContext* opened = nullptr;
  if (dav1d_open(&opened, &settings) != 0) throw std::bad_alloc();
  const std::unique_ptr<Dav1dContext, ContextClose> context(opened);

  DataOwner in;
  if (dav1d_data_wrap(&in.data, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), on_data_free, nullptr) !=
      0)
    throw std::bad_alloc();
  PictureOwner out;
  int result = DAV1D_ERR(EAGAIN);
  // Each turn takes bytes or, when all are taken, is the coder's last chance to say what it kept back.
  for (bool last = false; result == DAV1D_ERR(EAGAIN) && !last;) {
    last = in.data.sz == 0;
    if (!last) {
      result = dav1d_send_data(context.get(), &in.data);
      if (result != 0 && result != DAV1D_ERR(EAGAIN)) break;
    }
    result = dav1d_get_picture(context.get(), &out.picture);
  }
  if (memory.refused)
    fail_with_hint(ErrorKind::Unsupported, "convert it to PNG first",
                   "{}: an AVIF whose still picture is made of more than {} pictures", where, kMostLivePictures);
  if (result == DAV1D_ERR(ENOMEM)) throw std::bad_alloc();
  if (result != 0) fail(ErrorKind::BadFile, "{}: damaged AVIF: the picture cannot be read", where);
  const Dav1dPicture& p = out.picture;
  if (p.p.w != coded.width || p.p.h != coded.height)
    fail(ErrorKind::BadFile, "{}: damaged AVIF: a picture of {}x{}, its header says {}x{}", where, p.p.w, p.p.h,
         coded.width, coded.height);
  YuvPicture yuv{.width = p.p.w, .height = p.p.h, .bits = p.p.bpc};
  yuv.is_grey = p.p.layout == DAV1D_PIXEL_LAYOUT_I400;
  yuv.half_width = p.p.layout == DAV1D_PIXEL_LAYOUT_I420 || p.p.layout == DAV1D_PIXEL_LAYOUT_I422;
  yuv.half_height = p.p.layout == DAV1D_PIXEL_LAYOUT_I420;
  for (size_t i = 0; i < 3; ++i) {
    yuv.planes[i] = static_cast<const uint8_t*>(p.data[i]);
    yuv.row_bytes[i] = p.stride[i == 0 ? 0 : 1];
  }
  yuv.full_range = p.seq_hdr->color_range != 0;
  const ColourCodes own{p.seq_hdr->pri, p.seq_hdr->trc, p.seq_hdr->mtrx, yuv.full_range};
  use(yuv, own);
}

template <typename Use>
void decode_all(const AvifCoded& coded, std::string_view where, Use use) {
  for (size_t i = 0; i < coded.tiles.size(); ++i) {
    const auto column = static_cast<int64_t>(i) % coded.columns, row = static_cast<int64_t>(i) / coded.columns;
    decode_tile(joined(coded.tiles[i]), coded, where, [&](const YuvPicture& picture, const ColourCodes& own) {
      use(picture, own, static_cast<int>(column * coded.width), static_cast<int>(row * coded.height));
    });
  }
}

// Without a profile, H.273's numbers say what the colours are. Error{Unsupported} for what 8 bits cannot hold.
ColourFacts colours_of(const ColourCodes& codes, std::string_view where) {
  ColourFacts out;
  switch (codes.primaries) {
    case 1:
    case 2: break;  // sRGB's own, or not said
    case 4: out.chromaticities = {0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08}; break;
    case 5: out.chromaticities = {0.3127, 0.3290, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06}; break;
    case 6:
    case 7: out.chromaticities = {0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070}; break;
    case 9: out.chromaticities = {0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046}; break;
    case 11: out.chromaticities = {0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060}; break;
    case 12: out.chromaticities = {0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060}; break;
    default: fail(ErrorKind::Unsupported, "{}: an AVIF of colours of kind {}", where, codes.primaries);
  }
  switch (codes.transfer) {
    case 1:
    case 2:
    case 6:
    case 13:
    case 14:
    case 15: break;  // sRGB, or a camera's curve for screens that are like it
    case 4: out.gamma = 1 / 2.2; break;
    case 5: out.gamma = 1 / 2.8; break;
    case 8: out.gamma = 1; break;
    case 16:
    case 18:
      fail_with_hint(ErrorKind::Unsupported, "convert it to an sRGB picture first",
                     "{}: an AVIF of wide-range brightness ({}), which is not read", where,
                     codes.transfer == 16 ? "PQ" : "HLG");
    default: fail(ErrorKind::Unsupported, "{}: an AVIF with brightness of kind {}", where, codes.transfer);
  }
  return out;
}

void unmultiply(Image& rgba) {
  for (size_t i = 0; i < rgba.pixels.size(); i += 4) {
    const uint32_t alpha = rgba.pixels[i + 3];
    if (alpha == 0 || alpha == 255) continue;
    for (size_t c = i; c < i + 3; ++c)
      rgba.pixels[c] = static_cast<uint8_t>(std::min((rgba.pixels[c] * 255U + alpha / 2) / alpha, 255U));
  }
}

void check_coder(const AvifContainer& file, std::string_view where, const DecodeLimits& limits) {
  // The picture, and upright once more; the coder's, of colours and of transparency one after the other; its bytes.
  size_t coder = 0;
  for (const AvifCoded* coded : {&file.colour, file.alpha ? &*file.alpha : nullptr}) {
    if (coded == nullptr) continue;
    const std::vector<std::byte> first = joined(coded->tiles.front());
    coder = std::max(coder, coder_memory(*coded, header_of(first, where)).all + first.size());
  }
  check_memory(limits, where, file.width, file.height, static_cast<size_t>(file.width * file.height) * 4 * 2 + coder);
}

// The pixels of `file`, of its whole size or cut out, and what its numbers mean.
void decode_pixels(const AvifContainer& file, std::string_view where, DecodedPicture& out) {
  Image& image = out.image;
  image = {
      .width = static_cast<int>(file.width), .height = static_cast<int>(file.height), .channels = file.alpha ? 4 : 3};
  image.pixels.resize(pixel_bytes(image.width, image.height, image.channels));
  ColourCodes codes = file.codes.value_or(ColourCodes{});
  decode_all(file.colour, where, [&](YuvPicture picture, const ColourCodes& own, int left, int top) {
    if (!file.codes) codes = own;
    picture.matrix = codes.matrix;
    picture.full_range = codes.full_range;
    const bool halved = picture.half_width || picture.half_height;
    if (!is_known_matrix(picture.matrix) || (picture.matrix == 0 && halved))
      fail(ErrorKind::Unsupported, "{}: an AVIF with colour differences of kind {}", where, picture.matrix);
    paint_yuv(picture, image, left, top);
  });
  if (file.icc.empty())
    out.colours = colours_of(codes, where);
  else
    out.colours.icc.assign(file.icc.begin(), file.icc.end());
  if (file.alpha) {
    decode_all(*file.alpha, where, [&](const YuvPicture& picture, const ColourCodes&, int left, int top) {
      paint_alpha(picture, image, left, top);
    });
    if (file.premultiplied) unmultiply(image);
  }
  if (file.part) image = cut_out(image, *file.part);
}

}  // namespace

DecodedPicture decode_avif(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  const AvifContainer file = read_avif_container(bytes, where, limits);
  DecodedPicture out;
  if (limits.texts_only) {
    out.image.width = file.part ? file.part->width : static_cast<int>(file.width);
    out.image.height = file.part ? file.part->height : static_cast<int>(file.height);
  } else {
    check_coder(file, where, limits);
    decode_pixels(file, where, out);
  }
  out.orientation = file.orientation;
  out.texts = read_exif(file.exif, limits.max_text_bytes / 4).texts;  // which way is up, boxes say
  out.is_animation = file.is_animation;
  return out;
}

}  // namespace newbie
