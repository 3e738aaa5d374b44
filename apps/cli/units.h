// Words to numbers and back: byte sizes, durations, plain numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

// Each throws Error{InvalidRequest} that opens with `what` ("--steps") and says what was expected. Numbers are finite.
int64_t parse_integer(std::string_view what, std::string_view text);
double parse_real(std::string_view what, std::string_view text);
std::vector<double> parse_reals(std::string_view what, std::string_view text);       // "1,0.5,0"
std::vector<int32_t> parse_token_ids(std::string_view what, std::string_view text);  // "2,107": from 0 on

// "6GiB", "6G" and "6144 MiB" count in 1024s, "800MB" in 1000s; a bare number is bytes.
// Units may be written small.
size_t parse_bytes(std::string_view what, std::string_view text);

// The same for a limit of a process: less than a mebibyte is a number whose unit was forgotten.
size_t parse_memory(std::string_view what, std::string_view text);

inline constexpr double kMebibyte = 1 << 20;

std::string format_number(double value);      // six significant digits
std::string format_bytes(size_t bytes);       // "312 MiB", "5.4 GiB"
std::string format_duration(double seconds);  // "0:07", "1:02:03"

}  // namespace newbie
