// What any reader of pictures promises for any bytes.
#pragma once

#include "fuzz/target.h"
#include "image/image.h"
#include "image/orientation.h"
#include "image/picture_file.h"

namespace newbie::fuzz {

// Small limits: a header can ask for nothing that takes long.
inline constexpr DecodeLimits kLimits{.max_side = 256, .max_pixels = 1 << 14, .max_text_bytes = 1 << 14};

template <typename Decode>
void read_picture(Decode decode, const uint8_t* data, size_t size) {
  survives({ErrorKind::BadFile, ErrorKind::Unsupported}, [&] {
    const DecodedPicture picture = decode(std::as_bytes(std::span(data, size)), "fuzz", kLimits);
    require(picture.image.width <= kLimits.max_side && picture.image.height <= kLimits.max_side, "sides are limited");
    check_image(picture.image);
    require(picture.orientation >= 1 && picture.orientation <= 8, "there are eight ways up");
    check_image(upright(picture.image, picture.orientation));
    size_t text_bytes = 0;
    for (const TextChunk& text : picture.texts) text_bytes += text.text.size();
    require(text_bytes <= kLimits.max_text_bytes, "texts are limited");
  });
}

}  // namespace newbie::fuzz
