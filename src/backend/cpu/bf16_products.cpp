#include "backend/cpu/bf16_products.h"

#include <cstdlib>
#include <string_view>

#include "backend/cpu/amx/tiles.h"
#include "core/error.h"

#if NEWBIE_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace newbie::cpu {

namespace {

#if defined(__x86_64__) && NEWBIE_ONEDNN
bool has_fast_instruction() {
  constexpr auto kBf16 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  const bool has_one = (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kBf16) == kBf16;
  return amx::usable() || (has_one && !__builtin_cpu_is("intel"));
}
#else
bool has_fast_instruction() { return false; }  // our own kernels use none
#endif

bool decide() {
  const char* said = std::getenv("NEWBIE_BF16");
  const std::string_view word = said == nullptr ? "" : said;
  if (word == "widened") return true;
  if (word == "instruction") return false;
  if (!word.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "instruction or widened", "NEWBIE_BF16={} is no way to multiply", word);
  return !has_fast_instruction();
}

}  // namespace

bool widens_bf16() {
  static const bool widened = decide();
  return widened;
}

}  // namespace newbie::cpu
