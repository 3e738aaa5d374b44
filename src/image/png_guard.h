// libpng reports errors by longjmp, which skips destructors. So every run of libpng calls sits in a png_guarded step
// that creates nothing with a destructor; what lives longer (buffers, messages, libpng's own structs) is owned outside.
#pragma once

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>

namespace newbie {

// Where libpng leaves its message before it jumps.
struct PngFault {
  std::array<char, 160> message{};
};

inline void on_png_error(png_structp png, png_const_charp message) {
  PngFault* fault = static_cast<PngFault*>(png_get_error_ptr(png));
  std::strncpy(fault->message.data(), message, fault->message.size() - 1);
  png_longjmp(png, 1);
}

inline void on_png_warning(png_structp, png_const_charp) {}  // libraries do not print

// Runs libpng calls; false when libpng gave up.
template <typename Step>
bool png_guarded(png_structp png, const Step& step) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  step();
  return true;
}

}  // namespace newbie
