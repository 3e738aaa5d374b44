#include "read_picture.h"

#include "answers.h"
#include "http/request.h"
#include "image/picture_format.h"
#include "text/base64.h"

namespace newbie {

namespace {

// Some clients break lines, put a space behind the comma, leave the padding out, or write base64url (RFC 4648 §5).
std::string whole_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 3);
  for (const char c : text)
    if (c != '\r' && c != '\n' && c != ' ') out.push_back(c == '-' ? '+' : c == '_' ? '/' : c);
  while (out.size() % 4 != 0) out.push_back('=');
  return out;
}

bool ends_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && equal_ignoring_case(text.substr(text.size() - word.size()), word);
}

}  // namespace

DecodedPicture picture_of_bytes(std::string_view field, std::string_view bytes, const DecodeLimits& limits) {
  try {
    return decode_picture(std::as_bytes(std::span(bytes)), "the picture", limits);
  } catch (const Error& error) {
    refuse(field, error.message(), error.hint());
  }
}

DecodedPicture picture_of_base64(std::string_view field, std::string_view text, const DecodeLimits& limits) {
  constexpr std::string_view kData = "data:";
  if (equal_ignoring_case(text.substr(0, kData.size()), kData)) {
    const size_t comma = text.find(',');
    if (comma == std::string_view::npos || !ends_with_word(text.substr(0, comma), ";base64"))
      refuse(field, "expected data:image/png;base64,…");
    text.remove_prefix(comma + 1);
  } else if (text.substr(0, 16).find("://") != std::string_view::npos) {
    refuse(field, "addresses are not fetched", "send the picture itself, in base64");
  }
  const std::optional<std::string> bytes = decode_base64(whole_base64(text));
  if (!bytes || bytes->empty()) refuse(field, "expected a picture in base64");
  return picture_of_bytes(field, *bytes, limits);
}

PictureReader picture_reader(const DecodeLimits& limits) {
  return [limits](const RequestField& field, const std::string& text) {
    return picture_of_base64(field.name, text, limits).image;
  };
}

}  // namespace newbie
