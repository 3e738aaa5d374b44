#include "static_files.h"

#include <algorithm>
#include <utility>

#include "answers.h"
#include "page_files.h"

namespace newbie {

namespace {

// Nothing from elsewhere is loaded, and nobody frames it.
constexpr std::string_view kPolicy =
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

constexpr std::pair<std::string_view, std::string_view> kMediaTypes[] = {{".html", "text/html; charset=utf-8"},
                                                                         {".js", "text/javascript; charset=utf-8"},
                                                                         {".css", "text/css; charset=utf-8"},
                                                                         {".svg", "image/svg+xml"},
                                                                         {".png", "image/png"},
                                                                         {".ico", "image/x-icon"},
                                                                         {".webmanifest", "application/manifest+json"},
                                                                         {".json", "application/json"},
                                                                         {".woff2", "font/woff2"},
                                                                         {".txt", "text/plain; charset=utf-8"}};

std::string_view media_type_of(std::string_view name) {
  for (const auto& [extension, type] : kMediaTypes)
    if (name.ends_with(extension)) return type;
  return "application/octet-stream";
}

}  // namespace

Response static_file(std::string_view name) {
  const std::span<const PageFile> files = page_files();
  const auto found = std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.name == name; });
  if (found == files.end()) {
    if (name == "index.html")
      return {200, "text/plain; charset=utf-8",
              "newbie serve: built without its page. GET /openapi.json lists the addresses.\n"};
    return error_answer(404, Error(ErrorKind::InvalidRequest, "there is no such file"));
  }
  Response out(200, media_type_of(name), std::string(found->bytes));
  out.set("Content-Security-Policy", kPolicy);
  out.set("X-Content-Type-Options", "nosniff");
  out.set("Referrer-Policy", "no-referrer");
  out.set("Cache-Control", name == "index.html" ? "no-cache" : "public, max-age=31536000, immutable");
  return out;
}

}  // namespace newbie
