// Numbers, lists, sizes and sigmas as they stand on a command line.
#include "diffusion/schedules.h"
#include "fuzz/target.h"
#include "units.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto kinds = {ErrorKind::InvalidRequest};
  fuzz::survives(kinds, [&] { parse_integer("--n", text); });
  fuzz::survives(kinds, [&] {
    const std::vector<double> numbers = parse_reals("--sigmas", text);
    check_sigmas(numbers, "--sigmas");
    for (size_t i = 0; i < numbers.size(); ++i) {
      fuzz::require(numbers[i] >= 0 && numbers[i] <= 1, "sigmas are in [0, 1]");
      fuzz::require(i == 0 || numbers[i] < numbers[i - 1], "sigmas fall");
    }
  });
  fuzz::survives(kinds, [&] {
    const size_t bytes = parse_bytes("--memory", text);
    fuzz::require(bytes >= 1 && bytes < size_t{1} << 62, "sizes are in range");
    format_bytes(bytes);
  });
  return 0;
}
