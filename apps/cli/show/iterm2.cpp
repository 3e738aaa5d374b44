// iTerm2's inline pictures: a PNG in one sequence.
#include <fmt/format.h>

#include "image/png.h"
#include "show/show.h"
#include "text/base64.h"

namespace newbie {

std::string iterm2_picture(const Image& image) {
  const std::vector<std::byte> png = encode_png(image, {});
  return fmt::format("\x1b]1337;File=inline=1;size={};width={}px;height={}px:{}\a\n", png.size(), image.width,
                     image.height, encode_base64(png));
}

}  // namespace newbie
