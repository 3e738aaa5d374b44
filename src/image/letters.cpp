#include "image/letters.h"

#include <algorithm>

#include "core/utf8.h"

namespace newbie {

namespace {

// A letter a string from ' ' to '~', seven rows from the top, each five bits from the left as one digit to base 32.
constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
constexpr std::string_view kLetters[] = {
    "0000000", "4444404", "AAA0000", "AAVAVAA", "4FKE5U4", "OP248J3", "CIK8LID", "4480000", "2488842", "8422248",
    "04LEL40", "044V440", "0000C48", "000V000", "00000CC", "01248G0", "EHJLPHE", "4C4444E", "EH1248V", "V2421HE",
    "26AIV22", "VGU11HE", "68GUHHE", "V124888", "EHHEHHE", "EHHF12C", "0CC0CC0", "0CC0C48", "248G842", "00V0V00",
    "8421248", "EH12404", "EH1DLLE", "EHHHVHH", "UHHUHHU", "EHGGGHE", "SIHHHIS", "VGGUGGV", "VGGUGGG", "EHGNHHF",
    "HHHVHHH", "E44444E", "72222IC", "HIKOKIH", "GGGGGGV", "HRLLHHH", "HHPLJHH", "EHHHHHE", "UHHUGGG", "EHHHLID",
    "UHHUKIH", "FGGE11U", "V444444", "HHHHHHE", "HHHHHA4", "HHHLLLA", "HHA4AHH", "HHHA444", "V1248GV", "E88888E",
    "0G84210", "E22222E", "4AH0000", "000000V", "8420000", "00E1FHF", "GGMPHHU", "00EGGHE", "11DJHHF", "00EHVGE",
    "698S888", "0FHHF1E", "GGMPHHH", "40C444E", "20622IC", "GGIKOKI", "C44444E", "00QLLHH", "00MPHHH", "00EHHHE",
    "00UHUGG", "00DJF11", "00MPGGG", "00EGE1U", "88S8896", "00HHHJD", "00HHHA4", "00HHLLA", "00HA4AH", "00HHF1E",
    "00V248V", "2448442", "4444444", "8442448", "08L2000"};
constexpr std::string_view kBox = "VHHHHHV";
static_assert(std::size(kLetters) == '~' - ' ' + 1);

// Visits every character; bytes that are not UTF-8 are one each.
template <typename Visit>
void for_each_character(std::string_view text, Visit visit) {
  for (size_t at = 0; at < text.size();) {
    const DecodedCharacter c = decode_utf8(text, at);
    visit(c.bytes == 0 ? char32_t{0} : c.code_point);
    at += std::max<size_t>(c.bytes, 1);
  }
}

void paint(Image& rgb, int x, int y, int side) {
  for (int row = std::max(y, 0); row < std::min(y + side, rgb.height); ++row)
    for (int column = std::max(x, 0); column < std::min(x + side, rgb.width); ++column)
      std::fill_n(rgb.pixels.begin() + 3 * (static_cast<std::ptrdiff_t>(row) * rgb.width + column), 3, uint8_t{0});
}

}  // namespace

int letters_in(std::string_view text) {
  int out = 0;
  for_each_character(text, [&](char32_t) { ++out; });
  return out;
}

void draw_letters(Image& rgb, int x, int y, int scale, std::string_view text) {
  for_each_character(text, [&](char32_t c) {
    const std::string_view rows = c >= U' ' && c <= U'~' ? kLetters[c - U' '] : kBox;
    for (int row = 0; row < kLetterHeight - 1; ++row) {
      const auto bits = static_cast<int>(kDigits.find(rows[static_cast<size_t>(row)]));
      for (int column = 0; column < kLetterWidth - 1; ++column)
        if ((bits >> (kLetterWidth - 2 - column) & 1) != 0) paint(rgb, x + column * scale, y + row * scale, scale);
    }
    x += kLetterWidth * scale;
  });
}

}  // namespace newbie
