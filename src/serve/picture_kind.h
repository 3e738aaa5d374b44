// What each kind of picture is called: in file names, in requests, in answers.
#pragma once

#include <optional>
#include <string_view>

#include "image/picture_format.h"

namespace newbie {

struct PictureKind {
  PictureFormat format;
  std::string_view name;       // as requests say it
  std::string_view extension;  // with its dot
  std::string_view media_type;
};

inline constexpr PictureKind kPictureKinds[] = {{PictureFormat::Png, "png", ".png", "image/png"},
                                                {PictureFormat::Jpeg, "jpeg", ".jpg", "image/jpeg"},
                                                {PictureFormat::WebP, "webp", ".webp", "image/webp"}};

constexpr const PictureKind& kind_of(PictureFormat format) { return kPictureKinds[static_cast<size_t>(format)]; }

// "png", "jpeg" (or "jpg"), "webp"; nothing for another word.
constexpr std::optional<PictureFormat> picture_format_of(std::string_view name) {
  if (name == "jpg") return PictureFormat::Jpeg;
  for (const PictureKind& kind : kPictureKinds)
    if (kind.name == name) return kind.format;
  return std::nullopt;
}

}  // namespace newbie
