// Requests that a server must refuse, each with what it may answer: the table of ../shared/server.md §1.2. For a server
// that takes heads of 8 KiB and bodies of 1 MiB.
#pragma once

#include <string>
#include <vector>

namespace newbie {

struct HostileRequest {
  std::string bytes;
  std::vector<int> statuses;
};

inline std::vector<HostileRequest> hostile_requests() {
  const std::string host = "Host: a\r\n";
  std::string many_headers = "GET / HTTP/1.1\r\n" + host;
  for (int i = 0; i < 200000; ++i) many_headers += "X: y\r\n";
  return {
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", {400}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", {400}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 2, 3\r\n\r\nabc", {400}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", {400}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551618\r\n\r\n", {400}},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n", {400}},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab", {400, 413}},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {501}},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {501}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 2000000\r\n\r\n", {413}},
      {many_headers + "\r\n", {431}},
      {"GET / HTTP/1.1\r\n" + host + std::string("X: a\0b\r\n\r\n", 10), {400}},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", {400}},
      {"GET / HTTP/1.1\r\n\r\n", {400}},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}},
      {"GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", {400}},
      {"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", {400}},  // more empty lines than anybody sends
      {"POST / HTTP/1.1\r\n" + host + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\nhi", {417}},
  };
}

}  // namespace newbie
