// Boost's parts that apps/server/http uses, for its own .cpp files only. The library itself is compiled in
// asio_source.cpp.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace newbie {

namespace net = boost::asio;
using Tcp = net::ip::tcp;
using SystemError = boost::system::error_code;

// Completion that gives its error code to `error` instead of throwing it.
inline auto into(SystemError& error) { return net::redirect_error(net::use_awaitable, error); }

inline std::chrono::nanoseconds seconds_of(double seconds) {
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

}  // namespace newbie
