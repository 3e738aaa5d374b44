// libjpeg reports errors by a function that must not return. As with libpng, every run of its calls sits in a guarded
// step that creates nothing with a destructor.
#pragma once

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>

// clang-format off
#include <jpeglib.h>  // does not include cstdio, which it needs
#include <jerror.h>
// clang-format on

namespace newbie {

struct JpegFault {
  jpeg_error_mgr manager;  // first: libjpeg hands out a pointer to it
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message{};
};

[[noreturn]] inline void on_jpeg_error(j_common_ptr codec) {
  auto* fault = reinterpret_cast<JpegFault*>(codec->err);
  codec->err->format_message(codec, fault->message.data());
  std::longjmp(fault->jump, 1);
}

// The same in words of ours.
[[noreturn]] inline void give_up(j_common_ptr codec, const char* words) {
  auto* fault = reinterpret_cast<JpegFault*>(codec->err);
  std::snprintf(fault->message.data(), fault->message.size(), "%s", words);
  std::longjmp(fault->jump, 1);
}

inline void on_jpeg_message(j_common_ptr) {}  // libraries do not print

// The error manager for a codec.
inline jpeg_error_mgr* prepare_jpeg_fault(JpegFault& fault) {
  jpeg_std_error(&fault.manager);
  fault.manager.error_exit = on_jpeg_error;
  fault.manager.output_message = on_jpeg_message;
  return &fault.manager;
}

// Runs libjpeg calls; false when libjpeg gave up.
template <typename Step>
bool jpeg_guarded(JpegFault& fault, const Step& step) {
  if (setjmp(fault.jump) != 0) return false;
  step();
  return true;
}

}  // namespace newbie
