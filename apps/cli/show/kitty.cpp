// kitty's graphics protocol: a PNG in pieces, drawn where the cursor is.
#include <fmt/format.h>

#include "image/png.h"
#include "show/show.h"
#include "text/base64.h"

namespace newbie {

std::string kitty_picture(const Image& image) {
  constexpr size_t kPiece = 4096;
  const std::string text = encode_base64(encode_png(image, {}));
  std::string out;
  for (size_t begin = 0; begin < text.size(); begin += kPiece) {
    const int more = begin + kPiece < text.size();
    // a=T: send and show; f=100: PNG; q=2: no answer
    out += fmt::format("\x1b_G{}m={};{}\x1b\\", begin == 0 ? "a=T,f=100,q=2," : "", more, text.substr(begin, kPiece));
  }
  return out + '\n';
}

}  // namespace newbie
