#include "image/tiff.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <new>

#include "core/checked.h"
#include "core/error.h"
#include "image/exif.h"
#include "image/inks.h"
#include "image/lzw.h"
#include "image/tiff_directory.h"

namespace newbie {

namespace {

// TIFF 6.0, section 8 and after.
enum TiffTag : uint16_t {
  kNewSubfileType = 254,
  kWidth = 256,
  kHeight = 257,
  kBitsPerSample = 258,
  kCompression = 259,
  kPhotometric = 262,
  kFillOrder = 266,
  kStripOffsets = 273,
  kSamplesPerPixel = 277,
  kRowsPerStrip = 278,
  kStripByteCounts = 279,
  kPlanarConfiguration = 284,
  kPredictor = 317,
  kColorMap = 320,
  kTileWidth = 322,
  kTileLength = 323,
  kTileOffsets = 324,
  kTileByteCounts = 325,
  kInkSet = 332,
  kExtraSamples = 338,
  kSampleFormat = 339,
  kIccProfile = 34675,
};

enum TiffCompression : uint32_t { kUnpacked = 1, kLzw = 5, kAdobeDeflate = 8, kDeflate = 32946, kPackBits = 32773 };
enum TiffPhotometric : uint32_t { kWhiteIsZero = 0, kBlackIsZero = 1, kRgb = 2, kPalette = 3, kSeparated = 5 };
enum class Alpha { None, Straight, Premultiplied };

constexpr size_t kMostSamples = 8;

// The tags of a directory as numbers.
class Fields {
 public:
  Fields(const TiffBlock& block, const std::vector<TiffEntry>& entries, std::string_view where)
      : block_(block), where_(where) {
    for (const TiffEntry& e : entries) entries_.emplace(e.tag, e);  // the first of a tag counts
  }

  const TiffEntry* find(uint16_t tag) const {
    const auto it = entries_.find(tag);
    return it == entries_.end() ? nullptr : &it->second;
  }
  size_t count(uint16_t tag) const {
    const TiffEntry* entry = find(tag);
    const bool counts =
        entry != nullptr && (entry->type == kTiffByte || entry->type == kTiffShort || entry->type == kTiffLong);
    return counts ? entry->value.size() / tiff_type_bytes(entry->type) : 0;
  }
  // The i-th value. Error{BadFile} where there are not as many.
  uint32_t at(uint16_t tag, size_t i) const {
    if (i >= count(tag)) fail(ErrorKind::BadFile, "{}: damaged TIFF: tag {} has no value {}", where_, tag, i + 1);
    const TiffEntry* entry = find(tag);
    const size_t bytes = tiff_type_bytes(entry->type);
    return block_.number(entry->value.substr(i * bytes, bytes));
  }
  uint32_t one(uint16_t tag, uint32_t otherwise) const { return count(tag) == 0 ? otherwise : at(tag, 0); }

 private:
  const TiffBlock& block_;
  std::map<uint16_t, TiffEntry> entries_;
  std::string_view where_;
};

struct Layout {
  int64_t width = 0, height = 0;
  int bits = 8;        // of a sample
  size_t samples = 1;  // of a pixel
  uint32_t compression = kUnpacked, photometric = kBlackIsZero;
  Alpha alpha = Alpha::None;
  size_t alpha_sample = 0;
  bool planes_apart = false;  // each sample has strips or tiles of its own
  bool differences = false;   // a sample is stored as its difference from that of the pixel before
  bool tiled = false;
  int64_t piece_width = 0, piece_height = 0;  // of a strip or a tile

  size_t colours() const { return photometric == kRgb ? 3 : photometric == kSeparated ? 4 : 1; }
  size_t samples_in_piece() const { return planes_apart ? 1 : samples; }
  size_t row_bytes() const { return (static_cast<size_t>(piece_width) * samples_in_piece() * size_t(bits) + 7) / 8; }
  int64_t across() const { return ceil_div(width, piece_width); }
  int64_t down() const { return ceil_div(height, piece_height); }
};

const char* name_of_compression(uint32_t compression) {
  switch (compression) {
    case 2:
    case 3:
    case 4: return "fax";
    case 6:
    case 7: return "JPEG";
    case 34712: return "JPEG 2000";
    case 34887: return "LERC";
    case 34925: return "LZMA";
    case 50000: return "Zstandard";
    case 50001: return "WebP";
    case 50002: return "JPEG XL";
    default: return nullptr;
  }
}

const char* name_of_photometric(uint32_t photometric) {
  switch (photometric) {
    case 4: return "a transparency mask";
    case 6: return "YCbCr colours";
    case 8:
    case 9:
    case 10: return "L*a*b* colours";
    case 32803: return "a camera's raw values";
    case 34892: return "a camera's linear values";
    default: return nullptr;
  }
}

template <typename... Args>
[[noreturn]] void refuse(std::string_view where, fmt::format_string<Args...> what, Args&&... args) {
  fail_with_hint(ErrorKind::Unsupported, "save it with LZW or without compression, in 8 bits, or as PNG",
                 "{}: a TIFF {}, which is not read", where, fmt::format(what, std::forward<Args>(args)...));
}

Layout read_layout(const Fields& fields, std::string_view where, const DecodeLimits& limits) {
  Layout out;
  out.width = fields.one(kWidth, 0);
  out.height = fields.one(kHeight, 0);
  check_size(limits, where, out.width, out.height);
  if ((fields.one(kNewSubfileType, 0) & 1) != 0)
    refuse(where, "whose first picture is a small copy, as in cameras' raw files");

  out.compression = fields.one(kCompression, kUnpacked);
  if (out.compression == kDeflate) out.compression = kAdobeDeflate;
  if (out.compression != kUnpacked && out.compression != kLzw && out.compression != kAdobeDeflate &&
      out.compression != kPackBits) {
    if (const char* name = name_of_compression(out.compression); name != nullptr) refuse(where, "with {} inside", name);
    refuse(where, "with compression {}", out.compression);
  }
  if (fields.one(kFillOrder, 1) != 1) refuse(where, "with the bits of a byte from the lowest on");

  out.photometric = fields.one(kPhotometric, kBlackIsZero);
  if (out.photometric > kPalette && out.photometric != kSeparated) {
    if (const char* name = name_of_photometric(out.photometric); name != nullptr) refuse(where, "of {}", name);
    refuse(where, "of colours of kind {}", out.photometric);
  }
  if (out.photometric == kSeparated && fields.one(kInkSet, 1) != 1) refuse(where, "of inks that are not CMYK");

  out.samples = fields.one(kSamplesPerPixel, 1);
  if (out.samples < out.colours() || out.samples > kMostSamples)
    fail(ErrorKind::BadFile, "{}: damaged TIFF: {} samples a pixel", where, out.samples);
  out.bits = static_cast<int>(std::min<uint32_t>(fields.one(kBitsPerSample, 1), 255));
  for (size_t i = 1; i < std::min(fields.count(kBitsPerSample), out.samples); ++i)
    if (fields.at(kBitsPerSample, i) != static_cast<uint32_t>(out.bits)) refuse(where, "with samples of unlike sizes");
  for (size_t i = 0; i < std::min(fields.count(kSampleFormat), out.samples); ++i)
    if (fields.at(kSampleFormat, i) == 3)
      refuse(where, "of numbers with points");
    else if (fields.at(kSampleFormat, i) == 2)
      refuse(where, "of numbers with signs");
  if (out.bits != 1 && out.bits != 2 && out.bits != 4 && out.bits != 8 && out.bits != 16)
    refuse(where, "of {} bits a sample", out.bits);
  if (out.photometric == kPalette && out.bits > 8) refuse(where, "with a palette of {} bits", out.bits);

  for (size_t i = 0; i < fields.count(kExtraSamples) && out.colours() + i < out.samples; ++i) {
    const uint32_t kind = fields.at(kExtraSamples, i);
    if (out.alpha != Alpha::None || (kind != 1 && kind != 2)) continue;
    out.alpha = kind == 1 ? Alpha::Premultiplied : Alpha::Straight;
    out.alpha_sample = out.colours() + i;
  }

  out.planes_apart = out.samples > 1 && fields.one(kPlanarConfiguration, 1) == 2;
  const uint32_t predictor = fields.one(kPredictor, 1);
  if (out.compression == kLzw || out.compression == kAdobeDeflate) {
    if (predictor > 2 || (predictor == 2 && out.bits < 8)) refuse(where, "with predictor {}", predictor);
    out.differences = predictor == 2;
  }

  out.tiled = fields.find(kTileOffsets) != nullptr;
  out.piece_width = out.tiled ? fields.one(kTileWidth, 0) : out.width;
  out.piece_height = out.tiled ? fields.one(kTileLength, 0)
                               : std::min<int64_t>(fields.one(kRowsPerStrip, uint32_t(out.height)), out.height);
  // A tile may reach over the picture's edge, but there is no sense in one that is larger by more than its rounding.
  constexpr int64_t kRounding = 1024;
  if (out.piece_width < 1 || out.piece_height < 1 || out.piece_width > out.width + kRounding ||
      out.piece_height > out.height + kRounding)
    fail(ErrorKind::BadFile, "{}: damaged TIFF: strips or tiles of {}x{}", where, out.piece_width, out.piece_height);
  return out;
}

std::vector<uint8_t> unpack_bits(std::span<const std::byte> in, size_t want) {
  std::vector<uint8_t> out;
  out.reserve(want);
  for (size_t i = 0; i + 1 < in.size() && out.size() < want;) {
    const int n = static_cast<int8_t>(std::to_integer<uint8_t>(in[i++]));
    if (n == -128) continue;
    const size_t count = std::min(static_cast<size_t>(n < 0 ? 1 - n : n + 1), want - out.size());
    if (n < 0) {
      out.insert(out.end(), count, std::to_integer<uint8_t>(in[i++]));
      continue;
    }
    const size_t there = std::min(count, in.size() - i);
    for (size_t k = 0; k < there; ++k) out.push_back(std::to_integer<uint8_t>(in[i + k]));
    i += there;
  }
  return out;
}

std::vector<uint8_t> inflated(std::span<const std::byte> in, size_t want, std::string_view where) {
  if (in.size() > std::numeric_limits<uInt>::max() || want > std::numeric_limits<uInt>::max())
    fail(ErrorKind::BadFile, "{}: damaged TIFF: {} bytes in one strip", where, in.size());
  std::vector<uint8_t> out(want);
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(want);
  const int result = inflate(&stream, Z_FINISH);
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  // Z_BUF_ERROR: it wanted to say more, or the input ended; which, the count says.
  if (result != Z_STREAM_END && result != Z_BUF_ERROR)
    fail(ErrorKind::BadFile, "{}: damaged TIFF: {}", where, stream.msg == nullptr ? "Deflate" : stream.msg);
  out.resize(want - stream.avail_out);
  return out;
}

// The bytes of one strip or tile, `want` of them.
std::vector<uint8_t> unpack(uint32_t compression, std::span<const std::byte> in, size_t want, std::string_view where) {
  std::vector<uint8_t> out;
  switch (compression) {
    case kUnpacked: {
      const auto* first = reinterpret_cast<const uint8_t*>(in.data());
      out.assign(first, first + std::min(in.size(), want));
      break;
    }
    case kPackBits: out = unpack_bits(in, want); break;
    case kAdobeDeflate: out = inflated(in, want, where); break;
    case kLzw: {
      LzwUnpacker unpacker({.format = "TIFF", .letter_bits = 8, .high_bits_first = true, .widens_early = true}, want,
                           where);
      unpacker.add(in);
      out = unpacker.take_letters();
      break;
    }
    default: fail(ErrorKind::Internal, "a TIFF compression without a reader");
  }
  if (out.size() < want)
    fail(ErrorKind::BadFile, "{}: damaged TIFF: a strip or tile of {} bytes, expected {}", where, out.size(), want);
  return out;
}

// 16-bit samples in the order of this machine's arithmetic, whatever the file's is.
uint32_t wide_sample(const uint8_t* at, bool little) {
  return little ? at[0] | uint32_t{at[1]} << 8 : uint32_t{at[0]} << 8 | at[1];
}

void add_differences(std::vector<uint8_t>& piece, const Layout& layout, bool little) {
  const size_t samples = layout.samples_in_piece(), row_bytes = layout.row_bytes();
  for (size_t row = 0; row + row_bytes <= piece.size(); row += row_bytes) {
    uint8_t* at = &piece[row];
    if (layout.bits == 8) {
      for (size_t i = samples; i < row_bytes; ++i) at[i] = static_cast<uint8_t>(at[i] + at[i - samples]);
      continue;
    }
    for (size_t i = 2 * samples; i + 1 < row_bytes; i += 2) {
      const uint32_t sum = wide_sample(at + i, little) + wide_sample(at + i - 2 * samples, little);
      at[i] = static_cast<uint8_t>(little ? sum : sum >> 8);
      at[i + 1] = static_cast<uint8_t>(little ? sum >> 8 : sum);
    }
  }
}

// The i-th sample of a row as 0 to 255; of a palette as it is.
uint8_t level(const uint8_t* row, size_t i, const Layout& layout, bool little) {
  if (layout.bits == 8) return row[i];
  if (layout.bits == 16) return static_cast<uint8_t>((wide_sample(row + 2 * i, little) * 255 + 32767) / 65535);
  const size_t bits = static_cast<size_t>(layout.bits), bit = i * bits;
  const uint32_t most = (1U << bits) - 1, value = row[bit / 8] >> (8 - bits - bit % 8) & most;
  return static_cast<uint8_t>(layout.photometric == kPalette ? value : value * 255 / most);
}

// All samples of the picture, 8 bits each: [height, width, samples].
std::vector<uint8_t> read_levels(std::span<const std::byte> bytes, const Fields& fields, const Layout& layout,
                                 bool little, std::string_view where) {
  const uint16_t offsets = layout.tiled ? kTileOffsets : kStripOffsets;
  const uint16_t counts = layout.tiled ? kTileByteCounts : kStripByteCounts;
  const size_t planes = layout.planes_apart ? layout.samples : 1, in_piece = layout.samples_in_piece();
  std::vector<uint8_t> out(checked_mul(static_cast<size_t>(layout.width * layout.height), layout.samples));
  size_t index = 0, left = bytes.size();
  for (size_t plane = 0; plane < planes; ++plane)
    for (int64_t top = 0; top < layout.height; top += layout.piece_height)
      for (int64_t from = 0; from < layout.width; from += layout.piece_width, ++index) {
        const int64_t rows = layout.tiled ? layout.piece_height : std::min(layout.piece_height, layout.height - top);
        const size_t want = static_cast<size_t>(rows) * layout.row_bytes();
        const size_t offset = fields.at(offsets, index);
        // Uncompressed, one may do without its size.
        const bool is_told = layout.compression != kUnpacked || fields.count(counts) > 0;
        const size_t size = is_told ? fields.at(counts, index) : want;
        if (offset > bytes.size() || bytes.size() - offset < size)
          fail(ErrorKind::BadFile, "{}: it ends {} bytes too early", where, offset + size - bytes.size());
        if (size > left) fail(ErrorKind::BadFile, "{}: damaged TIFF: strips or tiles that share bytes", where);
        left -= size;  // each byte is unpacked once: a small file cannot take long
        std::vector<uint8_t> piece = unpack(layout.compression, bytes.subspan(offset, size), want, where);
        if (layout.differences) add_differences(piece, layout, little);
        const int64_t end = std::min(top + rows, layout.height), to = std::min(from + layout.piece_width, layout.width);
        for (int64_t y = top; y < end; ++y) {
          const uint8_t* row = &piece[static_cast<size_t>(y - top) * layout.row_bytes()];
          uint8_t* at = &out[static_cast<size_t>(y * layout.width + from) * layout.samples + plane];
          for (int64_t x = 0; x < to - from; ++x, at += layout.samples)
            for (size_t s = 0; s < in_piece; ++s)
              at[s] = level(row, static_cast<size_t>(x) * in_piece + s, layout, little);
        }
      }
  return out;
}

// Red, green and blue of each index, of 16 bits whose high ones count, as libtiff has it: programs fill the low ones
// with zeros or with the same. Some wrote 8 bits.
std::vector<uint8_t> read_palette_colours(const Fields& fields, const Layout& layout) {
  const size_t entries = size_t{1} << layout.bits;
  bool wide = false;
  for (size_t i = 0; i < 3 * entries; ++i) wide = wide || fields.at(kColorMap, i) > 255;
  std::vector<uint8_t> out(3 * entries);
  for (size_t i = 0; i < entries; ++i)
    for (size_t c = 0; c < 3; ++c) {
      const uint32_t value = fields.at(kColorMap, c * entries + i);
      out[3 * i + c] = static_cast<uint8_t>(wide ? value >> 8 : value);
    }
  return out;
}

Image picture_of(const std::vector<uint8_t>& levels, const Fields& fields, const Layout& layout) {
  Image out{.width = static_cast<int>(layout.width),
            .height = static_cast<int>(layout.height),
            .channels = layout.alpha == Alpha::None ? 3 : 4};
  out.pixels.resize(pixel_bytes(out.width, out.height, out.channels));
  const std::vector<uint8_t> palette =
      layout.photometric == kPalette ? read_palette_colours(fields, layout) : std::vector<uint8_t>{};
  uint8_t* to = out.pixels.data();
  for (size_t i = 0; i < levels.size(); i += layout.samples, to += out.channels) {
    const uint8_t* from = &levels[i];
    switch (layout.photometric) {
      case kRgb: std::copy_n(from, 3, to); break;
      case kPalette: std::copy_n(&palette[3 * size_t{*from}], 3, to); break;
      case kSeparated: inks_to_rgb(from, to); break;
      default: std::fill_n(to, 3, static_cast<uint8_t>(layout.photometric == kWhiteIsZero ? 255 - *from : *from));
    }
    if (layout.alpha == Alpha::None) continue;
    const uint32_t alpha = to[3] = from[layout.alpha_sample];
    if (layout.alpha == Alpha::Premultiplied && alpha != 0 && alpha != 255)
      for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(std::min((to[c] * 255U + alpha / 2) / alpha, 255U));
  }
  return out;
}

}  // namespace

DecodedPicture decode_tiff(std::span<const std::byte> bytes, std::string_view where, const DecodeLimits& limits) {
  TiffBlock block(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!block.open()) fail(ErrorKind::BadFile, "{}: damaged TIFF: the header cannot be read", where);
  if (!block.is_whole(block.first_directory())) fail(ErrorKind::BadFile, "{}: damaged TIFF: it ends too early", where);
  const std::vector<TiffEntry> entries = block.directory(block.first_directory());
  const Fields fields(block, entries, where);
  const Layout layout = read_layout(fields, where, limits);
  // Its samples, one strip or tile, the picture, and the picture upright once more.
  const size_t pixels = static_cast<size_t>(layout.width * layout.height);
  check_memory(
      limits, where, layout.width, layout.height,
      pixels * (layout.samples + 4 + 4) + checked_mul(layout.row_bytes(), static_cast<size_t>(layout.piece_height)));
  DecodedPicture out;
  if (limits.texts_only) {
    out.image.width = static_cast<int>(layout.width);
    out.image.height = static_cast<int>(layout.height);
  } else {
    out.image = picture_of(read_levels(bytes, fields, layout, block.is_little_endian(), where), fields, layout);
  }
  if (const TiffEntry* icc = fields.find(kIccProfile); icc != nullptr && icc->value.size() <= kMaxIccBytes) {
    const auto* first = reinterpret_cast<const std::byte*>(icc->value.data());
    out.colours.icc.assign(first, first + icc->value.size());
  }
  Exif exif = read_exif(bytes, limits.max_text_bytes / 4);
  out.orientation = exif.orientation;
  out.texts = std::move(exif.texts);
  out.is_animation = block.next_directory(block.first_directory()) != 0;
  return out;
}

}  // namespace newbie
