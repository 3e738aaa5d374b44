// Picture files: written with what they say of themselves, and read for it.
#include <cstdlib>
#include <new>

#include "bridge.h"
#include "core/files.h"
#include "generate/metadata.h"
#include "generate/recall.h"
#include "image/picture_format.h"

using namespace newbie;

namespace {

constexpr int kUsualQuality = 95;

PictureFormat format_for(const std::filesystem::path& name) {
  const auto format = format_of_name(name);
  if (!format)
    fail_with_hint(ErrorKind::Unsupported, fmt::format("possible: {}", kPictureExtensions),
                   "{}: not a kind of picture that can be written", name.string());
  return *format;
}

std::vector<std::byte> encoded(const newbie_picture* picture, PictureFormat format, int32_t quality) {
  const newbie_picture p = read(picture, "picture");
  if (quality < 0 || quality > 100)
    fail(ErrorKind::InvalidRequest, "quality: expected 1 to 100, or 0 for {}, got {}", kUsualQuality, quality);
  if (p.pixels == nullptr || p.pixel_bytes != pixel_bytes(p.width, p.height, p.channels))
    fail(ErrorKind::InvalidRequest, "picture: {} bytes of pixels do not make {}x{} with {} channels", p.pixel_bytes,
         p.width, p.height, p.channels);
  const Image image{p.width, p.height, p.channels, {p.pixels, p.pixels + p.pixel_bytes}};
  std::vector<TextChunk> texts;
  if (p.parameters != nullptr) texts.push_back({"parameters", p.parameters});
  if (p.request_json != nullptr) texts.push_back({kRequestKey, p.request_json});
  return encode_picture(format, image, texts, quality == 0 ? kUsualQuality : quality);
}

void save(const newbie_picture* picture, const char* path, PictureFormat format, int32_t quality) {
  write_file_atomically(path, encoded(picture, format, quality));
}

// Fields of a request as its JSON has them, and apart from them options of the engine.
OrderedJson recalled_json(const Recollection& recalled) {
  const RecalledFields fields = recalled_fields(recalled, [](const Error&) { throw; });
  const auto or_null = [](const std::string& text) { return text.empty() ? OrderedJson() : OrderedJson(text); };
  return {{"source", recalled.source},
          {"request", fields.request},
          {"options", fields.engine},
          {"notes", recalled.notes},
          {"parts",
           {{"transformer", or_null(recalled.parts.transformer)},
            {"text_encoder", or_null(recalled.parts.text_encoder)},
            {"clip_model", or_null(recalled.parts.clip_model)},
            {"vae", or_null(recalled.parts.vae)}}},
          {"precision_policy", or_null(recalled.precision_policy)},
          {"init_image", or_null(recalled.init_image)},
          {"mask", or_null(recalled.mask)}};
}

bool is_json(std::string_view bytes) {
  const size_t first = bytes.find_first_not_of(" \t\r\n");
  return first != bytes.npos && bytes[first] == '{';
}

OrderedJson metadata_of(std::string_view bytes, const std::string& name) {
  OrderedJson out, texts = OrderedJson::array();
  std::optional<Recollection> recalled;
  if (is_json(bytes)) {
    recalled = recall_text(bytes, name);
  } else {
    const DecodedPicture picture = decode_picture(std::as_bytes(std::span(bytes)), name);
    for (const TextChunk& text : picture.texts) texts.push_back({{"key", text.key}, {"text", text.text}});
    out["width"] = picture.image.width;
    out["height"] = picture.image.height;
    recalled = recall(picture.texts, name);
  }
  out["texts"] = texts;
  out["recalled"] = recalled ? recalled_json(*recalled) : OrderedJson();
  return out;
}

}  // namespace

newbie_status newbie_save_png(const newbie_picture* picture, const char* path, newbie_error** error) {
  return guarded(error, [&] {
    require(path, "path");
    save(picture, path, PictureFormat::Png, 0);
  });
}

newbie_status newbie_save_picture(const newbie_picture* picture, const char* path, int32_t quality,
                                  newbie_error** error) {
  return guarded(error, [&] {
    require(path, "path");
    save(picture, path, format_for(path), quality);
  });
}

newbie_status newbie_encode_picture(const newbie_picture* picture, const char* format, int32_t quality, uint8_t** data,
                                    size_t* data_bytes, newbie_error** error) {
  if (data != nullptr) *data = nullptr;
  if (data_bytes != nullptr) *data_bytes = 0;
  return guarded(error, [&] {
    require(data, "data");
    require(data_bytes, "data_bytes");
    require(format, "format");
    const std::vector<std::byte> bytes = encoded(picture, format_for(std::string("picture.") + format), quality);
    *data = static_cast<uint8_t*>(std::malloc(bytes.size()));
    if (*data == nullptr) throw std::bad_alloc();
    std::memcpy(*data, bytes.data(), bytes.size());
    *data_bytes = bytes.size();
  });
}

void newbie_bytes_free(uint8_t* data) { std::free(data); }

newbie_status newbie_read_metadata(const void* data, size_t data_bytes, const char* name, char** json,
                                   newbie_error** error) {
  return give_json(json, error, [&] {
    if (data == nullptr) fail(ErrorKind::InvalidRequest, "data is NULL");
    return metadata_of({static_cast<const char*>(data), data_bytes}, name == nullptr ? "picture" : name);
  });
}
