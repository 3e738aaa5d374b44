// What systemd is told, when it is there: ready, ending, still alive (sd_notify's protocol: a datagram of lines).
#pragma once

#include <optional>
#include <string_view>

namespace newbie {

void tell_service_manager(std::string_view state);  // "READY=1"; without NOTIFY_SOCKET nothing happens

// How often it wants to hear WATCHDOG=1; nothing when it does not.
std::optional<double> watchdog_seconds();

}  // namespace newbie
