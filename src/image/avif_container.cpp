#include "image/avif_container.h"

#include <algorithm>
#include <map>
#include <string>

#include "core/error.h"
#include "image/byte_reader.h"

namespace newbie {

namespace {

// Far above what cameras write; a hostile file names the same bytes again and again.
constexpr size_t kMostItems = 4096, kMostBoxes = 4096, kMostMetaBytes = size_t{8} << 20;

struct Box {
  std::string type;
  std::span<const std::byte> body;
};

// The boxes that follow each other in `bytes`.
std::vector<Box> boxes_of(std::span<const std::byte> bytes, std::string_view where) {
  std::vector<Box> out;
  ByteReader in(bytes, where);
  while (in.left() > 0) {
    if (out.size() == kMostBoxes) fail(ErrorKind::BadFile, "{}: damaged AVIF: more than {} boxes", where, kMostBoxes);
    uint64_t size = in.big_endian(4);
    const auto name = in.take(4);
    size_t head = 8;
    if (size == 1) {
      size = in.big_endian(8);
      head = 16;
    }
    if (size == 0) size = head + in.left();  // the last one reaches to the end
    if (size < head) fail(ErrorKind::BadFile, "{}: damaged AVIF: a box of {} bytes", where, size);
    const auto body = in.take(static_cast<size_t>(size - head));
    out.push_back({std::string(reinterpret_cast<const char*>(name.data()), name.size()), body});
  }
  return out;
}

const Box* find_box(const std::vector<Box>& boxes, std::string_view type) {
  const auto it = std::ranges::find(boxes, type, &Box::type);
  return it == boxes.end() ? nullptr : &*it;
}

const Box& need_box(const std::vector<Box>& boxes, std::string_view type, std::string_view where) {
  const Box* box = find_box(boxes, type);
  if (box == nullptr) fail(ErrorKind::BadFile, "{}: damaged AVIF: it has no box '{}'", where, type);
  return *box;
}

struct Extent {
  uint64_t offset = 0, length = 0;
};

struct Item {
  std::string type;
  bool in_box = false;  // its bytes are those of the box `idat`, not of the file
  std::vector<Extent> extents;
  std::vector<size_t> properties;  // from 0
  std::vector<size_t> essential;   // of these: not to be ignored
};

struct Reference {
  std::string type;
  uint32_t from = 0;
  std::vector<uint32_t> to;
};

// The box `meta`: what there is, where it lies, what is said of it.
class Meta {
 public:
  Meta(std::span<const std::byte> file, std::span<const std::byte> body, std::string_view where)
      : file_(file), where_(where) {
    ByteReader in(body, where);
    in.take(4);  // version and flags
    boxes_ = boxes_of(in.take(in.left()), where);
    read_primary(need_box(boxes_, "pitm", where).body);
    read_types(need_box(boxes_, "iinf", where).body);
    read_places(need_box(boxes_, "iloc", where).body);
    if (const Box* references = find_box(boxes_, "iref"); references != nullptr) read_references(references->body);
    const std::vector<Box> properties = boxes_of(need_box(boxes_, "iprp", where).body, where);
    properties_ = boxes_of(need_box(properties, "ipco", where).body, where);
    for (const Box& box : properties)
      if (box.type == "ipma") read_associations(box.body);
  }

  size_t file_bytes() const { return file_.size(); }
  uint32_t primary() const { return primary_; }
  const std::map<uint32_t, Item>& items() const { return items_; }
  const Item& item(uint32_t id) const {
    const auto it = items_.find(id);
    if (it == items_.end()) fail(ErrorKind::BadFile, "{}: damaged AVIF: there is no item {}", where_, id);
    return it->second;
  }
  const std::vector<Reference>& references() const { return references_; }

  // The property of that kind; nothing where the item has none.
  const Box* property(const Item& item, std::string_view type) const {
    for (const size_t i : item.properties)
      if (properties_[i].type == type) return &properties_[i];
    return nullptr;
  }
  std::vector<const Box*> properties_of(const Item& item, std::string_view type) const {
    std::vector<const Box*> out;
    for (const size_t i : item.properties)
      if (properties_[i].type == type) out.push_back(&properties_[i]);
    return out;
  }
  // What must not be ignored and is not among `known`; empty: nothing.
  std::string unknown_essential(const Item& item, std::span<const std::string_view> known) const {
    for (const size_t i : item.essential)
      if (std::ranges::find(known, properties_[i].type) == known.end()) return properties_[i].type;
    return {};
  }

  // Its pieces; together no more bytes than the file has.
  std::vector<std::span<const std::byte>> pieces(const Item& item) const {
    std::span<const std::byte> place = file_;
    if (item.in_box) place = need_box(boxes_, "idat", where_).body;
    std::vector<std::span<const std::byte>> out;
    size_t total = 0;
    for (const Extent& e : item.extents) {
      if (e.offset > place.size() || place.size() - e.offset < e.length)
        fail(ErrorKind::BadFile, "{}: damaged AVIF: it ends before its picture does", where_);
      const size_t length = static_cast<size_t>(e.length == 0 ? place.size() - e.offset : e.length);
      if (length == 0) fail(ErrorKind::BadFile, "{}: damaged AVIF: a piece without bytes", where_);
      total += length;
      if (total > place.size()) fail(ErrorKind::BadFile, "{}: damaged AVIF: pieces that share bytes", where_);
      out.push_back(place.subspan(static_cast<size_t>(e.offset), length));
    }
    if (out.empty()) fail(ErrorKind::BadFile, "{}: damaged AVIF: a picture without bytes", where_);
    return out;
  }

 private:
  void check_count(uint64_t count) const {
    if (count > kMostItems)
      fail(ErrorKind::Unsupported, "{}: an AVIF of {} items, at most {} are read", where_, count, kMostItems);
  }

  void read_primary(std::span<const std::byte> body) {
    ByteReader in(body, where_);
    const uint64_t version = in.big_endian(4) >> 24;
    primary_ = static_cast<uint32_t>(in.big_endian(version == 0 ? 2 : 4));
  }

  void read_types(std::span<const std::byte> body) {
    ByteReader in(body, where_);
    const uint64_t version = in.big_endian(4) >> 24;
    check_count(in.big_endian(version == 0 ? 2 : 4));
    for (const Box& box : boxes_of(in.take(in.left()), where_)) {
      if (box.type != "infe") continue;
      ByteReader entry(box.body, where_);
      const uint64_t kind = entry.big_endian(4) >> 24;
      if (kind != 2 && kind != 3) continue;  // older ones have no types
      const auto id = static_cast<uint32_t>(entry.big_endian(kind == 2 ? 2 : 4));
      if (entry.big_endian(2) != 0) fail(ErrorKind::Unsupported, "{}: an AVIF that is protected", where_);
      const auto type = entry.take(4);
      items_[id].type.assign(reinterpret_cast<const char*>(type.data()), type.size());
    }
  }

  void read_places(std::span<const std::byte> body) {
    ByteReader in(body, where_);
    const uint64_t version = in.big_endian(4) >> 24;
    if (version > 2) fail(ErrorKind::Unsupported, "{}: an AVIF with places of version {}", where_, version);
    const uint64_t sizes = in.big_endian(2);
    const size_t offset_bytes = sizes >> 12, length_bytes = sizes >> 8 & 15, base_bytes = sizes >> 4 & 15;
    const size_t index_bytes = version == 0 ? 0 : sizes & 15;
    for (const size_t bytes : {offset_bytes, length_bytes, base_bytes, index_bytes})
      if (bytes != 0 && bytes != 4 && bytes != 8)
        fail(ErrorKind::BadFile, "{}: damaged AVIF: numbers of {} bytes", where_, bytes);
    const uint64_t count = in.big_endian(version < 2 ? 2 : 4);
    check_count(count);
    size_t extents = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const auto id = static_cast<uint32_t>(in.big_endian(version < 2 ? 2 : 4));
      const uint64_t construction = version == 0 ? 0 : in.big_endian(2) & 15;
      const bool elsewhere = in.big_endian(2) != 0 || construction > 1;
      const uint64_t base = in.big_endian(base_bytes);
      const uint64_t pieces = in.big_endian(2);
      Item item;
      item.in_box = construction == 1;
      for (uint64_t p = 0; p < pieces; ++p) {
        if (++extents > kMostItems) fail(ErrorKind::BadFile, "{}: damaged AVIF: too many pieces", where_);
        in.big_endian(index_bytes);
        const uint64_t offset = in.big_endian(offset_bytes), length = in.big_endian(length_bytes);
        if (offset > UINT64_MAX - base) fail(ErrorKind::BadFile, "{}: damaged AVIF: a place beyond all files", where_);
        item.extents.push_back({base + offset, length});
      }
      const auto known = items_.find(id);
      if (known == items_.end()) continue;
      if (elsewhere) item.extents.clear();  // of other files or items: nothing that is read here
      known->second.in_box = item.in_box;
      known->second.extents = std::move(item.extents);
    }
  }

  void read_references(std::span<const std::byte> body) {
    ByteReader in(body, where_);
    const size_t id_bytes = in.big_endian(4) >> 24 == 0 ? 2 : 4;
    for (const Box& box : boxes_of(in.take(in.left()), where_)) {
      ByteReader entry(box.body, where_);
      Reference out{box.type, static_cast<uint32_t>(entry.big_endian(id_bytes)), {}};
      const uint64_t count = entry.big_endian(2);
      for (uint64_t i = 0; i < count; ++i) out.to.push_back(static_cast<uint32_t>(entry.big_endian(id_bytes)));
      references_.push_back(std::move(out));
    }
  }

  void read_associations(std::span<const std::byte> body) {
    ByteReader in(body, where_);
    const uint64_t head = in.big_endian(4);
    const bool wide_ids = head >> 24 != 0, wide_indices = (head & 1) != 0;
    const uint64_t count = in.big_endian(4);
    check_count(count);
    for (uint64_t i = 0; i < count; ++i) {
      const auto id = static_cast<uint32_t>(in.big_endian(wide_ids ? 4 : 2));
      const uint8_t associations = in.u8();
      for (int k = 0; k < associations; ++k) {
        const uint64_t value = in.big_endian(wide_indices ? 2 : 1);
        const bool essential = (value >> (wide_indices ? 15 : 7) & 1) != 0;
        const auto index = static_cast<size_t>(value & (wide_indices ? 0x7FFF : 0x7F));
        if (index == 0) continue;  // none
        if (index > properties_.size()) fail(ErrorKind::BadFile, "{}: damaged AVIF: no property {}", where_, index);
        const auto item = items_.find(id);
        if (item == items_.end()) continue;
        item->second.properties.push_back(index - 1);
        if (essential) item->second.essential.push_back(index - 1);
      }
    }
  }

  std::span<const std::byte> file_;
  std::string_view where_;
  std::vector<Box> boxes_, properties_;
  uint32_t primary_ = 0;
  std::map<uint32_t, Item> items_;
  std::vector<Reference> references_;
};

struct Size {
  int64_t width = 0, height = 0;
};

Size size_of(const Meta& meta, const Item& item, std::string_view where) {
  const Box* box = meta.property(item, "ispe");
  if (box == nullptr) fail(ErrorKind::BadFile, "{}: damaged AVIF: a picture without a size", where);
  ByteReader in(box->body, where);
  in.take(4);
  Size out;
  out.width = static_cast<int64_t>(in.big_endian(4));
  out.height = static_cast<int64_t>(in.big_endian(4));
  return out;
}

void check_properties(const Meta& meta, const Item& item, std::string_view where) {
  constexpr std::string_view kKnown[] = {"av1C", "ispe", "pixi", "colr", "auxC", "irot",
                                         "imir", "clap", "a1op", "a1lx", "lsel", "pasp"};
  if (const std::string unknown = meta.unknown_essential(item, kKnown); !unknown.empty())
    fail(ErrorKind::Unsupported, "{}: an AVIF whose property '{}' is not known", where, unknown);
  if (const Box* layer = meta.property(item, "lsel"); layer != nullptr) {
    ByteReader in(layer->body, where);
    constexpr uint64_t kAllOfThem = 0xFFFF;
    if (in.big_endian(2) != kAllOfThem) fail(ErrorKind::Unsupported, "{}: an AVIF of one layer of several", where);
  }
}

// A coded picture, or the grid that an item of type `grid` describes.
AvifCoded coded_of(const Meta& meta, uint32_t id, std::string_view where, const DecodeLimits& limits) {
  const Item& item = meta.item(id);
  check_properties(meta, item, where);
  AvifCoded out;
  size_t bytes_left = meta.file_bytes();
  const auto add_tile = [&](const Item& tile) {
    if (out.tiles.size() == kMostItems)
      fail(ErrorKind::Unsupported, "{}: an AVIF of more than {} pictures side by side", where, kMostItems);
    out.tiles.push_back(meta.pieces(tile));
    for (const auto piece : out.tiles.back()) {
      if (piece.size() > bytes_left)
        fail(ErrorKind::BadFile, "{}: damaged AVIF: pictures of more bytes than the file has", where);
      bytes_left -= piece.size();
    }
    if (const Box* point = meta.property(tile, "a1op"); point != nullptr) {
      ByteReader in(point->body, where);
      out.operating_point = in.u8();
      if (out.operating_point > 31)
        fail(ErrorKind::BadFile, "{}: damaged AVIF: operating point {}", where, out.operating_point);
    }
  };
  const Size size = size_of(meta, item, where);
  check_size(limits, where, size.width, size.height);
  if (item.type == "av01") {
    out.width = size.width;
    out.height = size.height;
    add_tile(item);
    return out;
  }
  if (item.type != "grid")
    fail(ErrorKind::Unsupported, "{}: a picture of kind '{}' in an AVIF's place", where, item.type);

  std::vector<std::byte> description;
  for (const auto piece : meta.pieces(item)) description.insert(description.end(), piece.begin(), piece.end());
  ByteReader in(description, where);
  in.u8();
  const bool wide = (in.u8() & 1) != 0;
  out.rows = in.u8() + 1;
  out.columns = in.u8() + 1;
  const auto width = static_cast<int64_t>(in.big_endian(wide ? 4 : 2));
  const auto height = static_cast<int64_t>(in.big_endian(wide ? 4 : 2));
  for (const Reference& r : meta.references()) {
    if (r.type != "dimg" || r.from != id) continue;
    for (const uint32_t tile_id : r.to) {
      const Item& tile = meta.item(tile_id);
      check_properties(meta, tile, where);
      if (tile.type != "av01") fail(ErrorKind::Unsupported, "{}: a grid of '{}'", where, tile.type);
      const Size own = size_of(meta, tile, where);
      check_size(limits, where, own.width, own.height);
      if (!out.tiles.empty() && (own.width != out.width || own.height != out.height))
        fail(ErrorKind::BadFile, "{}: damaged AVIF: a grid of unlike pictures", where);
      out.width = own.width;
      out.height = own.height;
      add_tile(tile);
    }
  }
  // Its pictures cover it, and no row or column of them lies outside.
  if (std::ssize(out.tiles) != out.rows * out.columns || width != size.width || height != size.height ||
      out.columns * out.width < width || out.rows * out.height < height || (out.columns - 1) * out.width >= width ||
      (out.rows - 1) * out.height >= height)
    fail(ErrorKind::BadFile, "{}: damaged AVIF: a grid of {}x{} pictures of {}x{} for {}x{}", where, out.columns,
         out.rows, out.width, out.height, width, height);
  return out;
}

bool is_alpha(const Meta& meta, const Item& item) {
  const Box* box = meta.property(item, "auxC");
  if (box == nullptr || box->body.size() < 4) return false;
  const std::string_view kind(reinterpret_cast<const char*>(box->body.data()) + 4, box->body.size() - 4);
  return kind.starts_with("urn:mpeg:mpegB:cicp:systems:auxiliary:alpha") ||
         kind.starts_with("urn:mpeg:hevc:2015:auxid:1");
}

void read_colours(const Meta& meta, const Item& item, std::string_view where, AvifContainer& out) {
  for (const Box* box : meta.properties_of(item, "colr")) {
    ByteReader in(box->body, where);
    const auto name = in.take(4);
    const std::string_view kind(reinterpret_cast<const char*>(name.data()), name.size());
    if (kind == "prof" || kind == "rICC") {
      if (in.left() <= kMaxIccBytes) out.icc = in.take(in.left());
    } else if (kind == "nclx") {
      ColourCodes codes;
      codes.primaries = static_cast<int>(in.big_endian(2));
      codes.transfer = static_cast<int>(in.big_endian(2));
      codes.matrix = static_cast<int>(in.big_endian(2));
      codes.full_range = (in.u8() & 0x80) != 0;
      out.codes = codes;
    }
  }
}

// `clap`: width, height and the offset of its middle from the picture's, all fractions.
std::optional<PixelBox> read_part(const Meta& meta, const Item& item, Size size, std::string_view where) {
  const Box* box = meta.property(item, "clap");
  if (box == nullptr) return std::nullopt;
  ByteReader in(box->body, where);
  // The first pixel and the number of them on a side; (-1, 0) where these are no whole numbers inside.
  const auto side = [](int64_t whole, int64_t n, int64_t d, int64_t offset_n, int64_t offset_d) -> std::pair<int, int> {
    if (d <= 0 || offset_d <= 0 || n <= 0 || n % d != 0 || n / d > whole) return {-1, 0};
    const int64_t count = n / d, twice = 2 * offset_n + offset_d * (whole - count);
    if (twice < 0 || twice % (2 * offset_d) != 0 || twice / (2 * offset_d) > whole - count) return {-1, 0};
    return {static_cast<int>(twice / (2 * offset_d)), static_cast<int>(count)};
  };
  int64_t numbers[8];
  for (int64_t& number : numbers) number = static_cast<int32_t>(in.big_endian(4));
  const auto [left, width] = side(size.width, numbers[0], numbers[1], numbers[4], numbers[5]);
  const auto [top, height] = side(size.height, numbers[2], numbers[3], numbers[6], numbers[7]);
  if (left < 0 || top < 0)
    fail(ErrorKind::Unsupported, "{}: an AVIF cut out between pixels or outside of its picture", where);
  return PixelBox{left, top, width, height};
}

// `irot` turns counterclockwise by quarters, then `imir` mirrors: 0 top and bottom, 1 left and right.
int read_orientation(const Meta& meta, const Item& item, std::string_view where) {
  int quarters = 0, mirror = 2;
  if (const Box* box = meta.property(item, "irot"); box != nullptr) quarters = ByteReader(box->body, where).u8() & 3;
  if (const Box* box = meta.property(item, "imir"); box != nullptr) mirror = ByteReader(box->body, where).u8() & 1;
  constexpr int kOrientation[4][3] = {{4, 2, 1}, {5, 7, 8}, {2, 4, 3}, {7, 5, 6}};
  return kOrientation[quarters][mirror];
}

}  // namespace

bool is_avif(std::span<const std::byte> bytes) {
  if (bytes.size() < 16) return false;
  ByteReader in(bytes, "AVIF");
  const uint64_t size = in.big_endian(4);
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              static_cast<size_t>(std::min<uint64_t>({size, bytes.size(), 1024})));
  if (head.size() < 16 || head.substr(4, 4) != "ftyp") return false;
  for (size_t at = 8; at + 4 <= head.size(); at += 4)  // the version between the brands is none
    if (at != 12 && (head.substr(at, 4) == "avif" || head.substr(at, 4) == "avis")) return true;
  return false;
}

AvifContainer read_avif_container(std::span<const std::byte> bytes, std::string_view where,
                                  const DecodeLimits& limits) {
  const std::vector<Box> boxes = boxes_of(bytes, where);
  AvifContainer out;
  out.is_animation = find_box(boxes, "moov") != nullptr;
  const Box* box = find_box(boxes, "meta");
  if (box == nullptr && out.is_animation)
    fail_with_hint(ErrorKind::Unsupported, "convert its first picture to PNG",
                   "{}: an AVIF film without a still picture", where);
  const std::span<const std::byte> body = need_box(boxes, "meta", where).body;
  if (body.size() > kMostMetaBytes)
    fail(ErrorKind::Unsupported, "{}: an AVIF with {} bytes before its picture, at most {} are read", where,
         body.size(), kMostMetaBytes);
  const Meta meta(bytes, body, where);
  const Item& primary = meta.item(meta.primary());
  const Size size = size_of(meta, primary, where);
  out.width = size.width;
  out.height = size.height;
  out.colour = coded_of(meta, meta.primary(), where, limits);
  read_colours(meta, primary, where, out);
  out.part = read_part(meta, primary, size, where);
  out.orientation = read_orientation(meta, primary, where);
  for (const Reference& r : meta.references()) {
    if (r.type == "prem" && r.from == meta.primary()) out.premultiplied = true;
    if (std::ranges::find(r.to, meta.primary()) == r.to.end() || !meta.items().contains(r.from)) continue;
    const Item& other = meta.item(r.from);
    if (r.type == "auxl" && !out.alpha && is_alpha(meta, other)) {
      out.alpha = coded_of(meta, r.from, where, limits);
      const Size own = size_of(meta, other, where);
      if (own.width != size.width || own.height != size.height)
        fail(ErrorKind::Unsupported, "{}: an AVIF whose transparency has another size", where);
    }
    if (r.type == "cdsc" && other.type == "Exif" && out.exif.empty() && !other.extents.empty()) {
      constexpr size_t kOffsetBytes = 4;  // before the block: how far it lies behind them
      for (const auto piece : meta.pieces(other)) {
        if (out.exif.size() + piece.size() > limits.max_text_bytes)
          fail(ErrorKind::BadFile, "{}: more than {} bytes of text entries", where, limits.max_text_bytes);
        out.exif.insert(out.exif.end(), piece.begin(), piece.end());
      }
      ByteReader in(out.exif, where);
      const uint64_t offset = in.big_endian(kOffsetBytes);
      const auto begin = std::min<uint64_t>(kOffsetBytes + offset, out.exif.size());
      out.exif.erase(out.exif.begin(), out.exif.begin() + static_cast<std::ptrdiff_t>(begin));
    }
  }
  return out;
}

}  // namespace newbie
