// The sequences that show pictures in terminals, read back as a terminal would.
#include "show/show.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "core/error.h"
#include "image/png.h"
#include "text/base64.h"

namespace newbie {
namespace {

Image pattern(int width, int height) {
  Image out{.width = width, .height = height, .channels = 3, .pixels = {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int v : {x * 255 / width, y * 255 / height, (x * 7 + y * 13) % 256})
        out.pixels.push_back(static_cast<uint8_t>(v));
  return out;
}

// By the definition, one character after the other; fails the test on anything that is not base64.
std::string unbase64(const std::string& text) {
  EXPECT_EQ(text.size() % 4, 0u);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const size_t digit = std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").find(c);
    EXPECT_NE(digit, std::string_view::npos) << c;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((count += 6) < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 255);
  }
  return out;
}

Image unpng(const std::string& bytes) { return decode_png(std::as_bytes(std::span(bytes)), "shown").image; }

TEST(Base64, TheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(encode_base64(std::as_bytes(std::span(std::string_view(plain)))), coded);
    EXPECT_EQ(unbase64(coded), plain);
  }
}

TEST(Kitty, PiecesOfAtMost4096AreThePicture) {
  for (const Image& image : {pattern(1, 1), pattern(70, 90)}) {
    std::string all = kitty_picture(image), text;
    ASSERT_TRUE(all.ends_with("\n"));
    all.pop_back();
    for (size_t at = 0, piece = 0; at < all.size(); ++piece) {
      ASSERT_EQ(all.substr(at, 3), "\x1b_G");
      const size_t body = all.find(';', at), end = all.find("\x1b\\", at);
      ASSERT_NE(end, std::string::npos);
      const std::string keys = all.substr(at + 3, body - at - 3);
      const bool last = end + 2 == all.size();
      EXPECT_EQ(keys, std::string(piece == 0 ? "a=T,f=100,q=2," : "") + (last ? "m=0" : "m=1"));
      EXPECT_LE(end - body - 1, 4096u);
      EXPECT_TRUE(last || (end - body - 1) % 4 == 0);
      text += all.substr(body + 1, end - body - 1);
      at = end + 2;
    }
    EXPECT_EQ(unpng(unbase64(text)), image);
  }
}

TEST(ITerm2, TheSequenceIsThePictureWithItsSize) {
  const Image image = pattern(33, 20);
  const std::string all = iterm2_picture(image);
  ASSERT_TRUE(all.starts_with("\x1b]1337;File=inline=1;"));
  ASSERT_TRUE(all.ends_with("\a\n"));
  const size_t body = all.find(':');
  const std::string png = unbase64(all.substr(body + 1, all.size() - body - 3));
  EXPECT_EQ(unpng(png), image);
  EXPECT_THAT(all.substr(0, body), testing::HasSubstr(fmt::format("size={};width=33px;height=20px", png.size())));
}

// A sixel terminal. Every pixel must be painted, and none outside.
Image unsixel(const std::string& all) {
  size_t at = 0;
  const auto number = [&] {
    size_t value = 0;
    EXPECT_TRUE(at < all.size() && std::isdigit(static_cast<unsigned char>(all[at])) != 0) << "at " << at;
    while (at < all.size() && std::isdigit(static_cast<unsigned char>(all[at])) != 0)
      value = value * 10 + static_cast<size_t>(all[at++] - '0');
    return value;
  };
  const auto take = [&](std::string_view text) {
    EXPECT_EQ(all.substr(at, text.size()), text) << "at " << at;
    at += text.size();
  };
  take("\x1bP0;1q\"1;1;");
  const size_t width = number();
  take(";");
  const size_t height = number();
  Image out{.width = static_cast<int>(width), .height = static_cast<int>(height), .channels = 3, .pixels = {}};
  out.pixels.resize(width * height * 3);
  std::vector<bool> painted(width * height);
  std::map<size_t, std::array<size_t, 3>> colours;
  size_t x = 0, y = 0, colour = 0;
  while (at < all.size() && all[at] != '\x1b') {
    if (all[at] == '#') {
      ++at;
      colour = number();
      if (at < all.size() && all[at] == ';') {
        take(";2;");
        std::array<size_t, 3>& rgb = colours[colour];
        rgb[0] = number();
        take(";");
        rgb[1] = number();
        take(";");
        rgb[2] = number();
      }
      continue;
    }
    if (all[at] == '$' || all[at] == '-') {
      if (all[at++] == '-') y += 6;
      x = 0;
      continue;
    }
    size_t times = 1;
    if (all[at] == '!') {
      ++at;
      times = number();
    }
    const int bits = all[at++] - '?';
    EXPECT_TRUE(bits >= 0 && bits < 64);
    EXPECT_TRUE(colours.contains(colour));
    for (; times > 0; --times, ++x)
      for (size_t row = 0; row < 6; ++row) {
        if ((bits >> row & 1) == 0) continue;
        if (x >= width || y + row >= height) {
          ADD_FAILURE() << "painted outside, at " << x << ", " << y + row;
          continue;
        }
        const size_t pixel = (y + row) * width + x;
        EXPECT_FALSE(painted[pixel]);
        painted[pixel] = true;
        for (size_t c = 0; c < 3; ++c) out.pixels[pixel * 3 + c] = static_cast<uint8_t>(colours[colour][c] * 255 / 100);
      }
  }
  take("\x1b\\\n");
  EXPECT_EQ(at, all.size());
  EXPECT_TRUE(std::all_of(painted.begin(), painted.end(), [](bool p) { return p; }));
  return out;
}

TEST(Sixel, ATerminalPaintsThePicture) {
  for (const auto& [width, height] : {std::pair{1, 1}, {17, 6}, {50, 43}, {128, 128}}) {
    const Image image = pattern(width, height), seen = unsixel(sixel_picture(image));
    ASSERT_EQ(seen.pixels.size(), image.pixels.size());
    // Levels are 51 and 42.5 apart, percents 2.55: no channel is further off than the error diffused to it, and on
    // average the errors cancel.
    std::array<double, 3> sum{};
    for (size_t i = 0; i < image.pixels.size(); ++i) sum[i % 3] += double{1} * seen.pixels[i] - image.pixels[i];
    if (width * height < 1000) continue;
    for (const double s : sum) EXPECT_LT(std::abs(s) / (width * height), 2 * 2.55);
  }
}

TEST(Sixel, ColoursOfTheCubeArePaintedAsTheyAre) {
  Image image{.width = 4, .height = 7, .channels = 3, .pixels = {}};
  for (int i = 0; i < 28; ++i)
    for (const int v : {i % 6 * 51, i % 2 * 255, 255 - i % 6 * 51}) image.pixels.push_back(static_cast<uint8_t>(v));
  const Image seen = unsixel(sixel_picture(image));
  for (size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(seen.pixels[i], image.pixels[i], 2.55);
}

TerminalFacts terminal(std::map<std::string, std::string> variables, std::string answer = "") {
  return {.is_terminal = true,
          .variable = [variables](const char* name) -> std::optional<std::string> {
            const auto it = variables.find(name);
            return it == variables.end() ? std::nullopt : std::optional(it->second);
          },
          .attributes = [answer] { return answer; }};
}

TEST(Show, TheProtocolIsFoundByWhatTheTerminalSays) {
  const auto choose = [](const TerminalFacts& facts) { return choose_protocol(kShowAuto, facts); };
  EXPECT_EQ(choose(terminal({{"KITTY_WINDOW_ID", "1"}})), kitty_picture);
  EXPECT_EQ(choose(terminal({{"TERM", "xterm-kitty"}})), kitty_picture);
  EXPECT_EQ(choose(terminal({{"TERM_PROGRAM", "ghostty"}})), kitty_picture);
  EXPECT_EQ(choose(terminal({{"TERM_PROGRAM", "iTerm.app"}})), iterm2_picture);
  EXPECT_EQ(choose(terminal({{"TERM_PROGRAM", "WezTerm"}})), iterm2_picture);
  EXPECT_EQ(choose(terminal({{"TERM", "xterm"}}, "\x1b[?62;4;22c")), sixel_picture);
  EXPECT_EQ(choose(terminal({}, "\x1b[?4c")), sixel_picture);
  for (const char* answer : {"", "\x1b[?62;22c", "\x1b[?64;40c", "4", "\x1b[?4"})
    EXPECT_THROW(choose(terminal({{"TERM", "xterm"}}, answer)), Error) << answer;
}

TEST(Show, ANameWinsAndNoTerminalIsAnError) {
  TerminalFacts nothing = terminal({});
  nothing.is_terminal = false;
  EXPECT_EQ(choose_protocol("kitty", nothing), kitty_picture);
  EXPECT_EQ(choose_protocol("iterm2", nothing), iterm2_picture);
  EXPECT_EQ(choose_protocol("sixel", nothing), sixel_picture);
  for (const auto& [name, kind] :
       {std::pair{kShowAuto, ErrorKind::Unsupported}, {"printer", ErrorKind::InvalidRequest}}) {
    try {
      choose_protocol(name, nothing);
      FAIL() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind);
    }
  }
}

}  // namespace
}  // namespace newbie
