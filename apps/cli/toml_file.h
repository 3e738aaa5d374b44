// TOML that people write: profiles, precision policies, training settings. The only door to toml++.
#pragma once

#include <toml++/toml.h>

#include <string>
#include <string_view>

namespace newbie {

// Error{InvalidRequest} "WHERE:LINE: …" for what is no TOML, and before the parser recurses for keys with more dots and
// values deeper than any file of ours has.
toml::table parse_toml(std::string_view text, const std::string& where);

}  // namespace newbie
