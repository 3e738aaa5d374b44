// Picture files of every kind we know: found by content when reading, by name when writing.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "image/picture_file.h"

namespace newbie {

enum class PictureFormat { Png, Jpeg, WebP };

// By the extension of a file name, in any case; nothing for an extension we cannot write.
std::optional<PictureFormat> format_of_name(const std::filesystem::path& name);
inline constexpr const char* kPictureExtensions = ".png, .jpg, .jpeg, .webp";

// `quality` 1…100 matters to JPEG and WebP. Errors as those of the format.
std::vector<std::byte> encode_picture(PictureFormat format, const Image& image, std::span<const TextChunk> texts,
                                      int quality);

// Any picture we can read, by its first bytes, turned upright; alpha is kept. Error{BadFile} when it is none or
// damaged.
DecodedPicture decode_picture(std::span<const std::byte> bytes, std::string_view where,
                              const DecodeLimits& limits = {});
DecodedPicture read_picture(const std::filesystem::path& path, const DecodeLimits& limits = {});

// The same without pixels (DecodeLimits::texts_only): of a file of any length only what that takes is read.
DecodedPicture read_picture_texts(const std::filesystem::path& path);

}  // namespace newbie
