#include "http/multipart.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "http/request.h"

namespace newbie {

namespace {

constexpr size_t kMostHeadBytes = 8192;
constexpr size_t kMostBoundary = 70;

[[noreturn]] void damaged(std::string_view why) { fail(ErrorKind::InvalidRequest, "the form is damaged: {}", why); }

std::string_view without_spaces(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Parameters of `form-data; name="a"; filename="b.png"`: one value, its quotes and backslashes taken off.
std::optional<std::string> parameter(std::string_view header, std::string_view wanted) {
  size_t at = header.find(';');
  while (at < header.size()) {
    ++at;
    const size_t equals = header.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = without_spaces(header.substr(at, equals - at));
    std::string value;
    at = equals + 1;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        if (header[at] == '\\' && at + 1 < header.size() && (header[at + 1] == '"' || header[at + 1] == '\\')) ++at;
        value.push_back(header[at]);
      }
      at = std::min(header.find(';', at), header.size());
    } else {
      const size_t end = std::min(header.find(';', at), header.size());
      value = without_spaces(header.substr(at, end - at));
      at = end;
    }
    if (equal_ignoring_case(name, wanted)) return value;
  }
  return std::nullopt;
}

std::string boundary_of(std::string_view content_type) {
  const std::string_view kind = without_spaces(content_type.substr(0, content_type.find(';')));
  if (!equal_ignoring_case(kind, "multipart/form-data"))
    fail(ErrorKind::InvalidRequest, "expected a body of multipart/form-data, got '{}'", kind);
  const std::optional<std::string> boundary = parameter(content_type, "boundary");
  const auto is_proper = [](char c) { return c >= 0x20 && c < 0x7F; };
  if (!boundary || boundary->empty() || boundary->size() > kMostBoundary || boundary->back() == ' ' ||
      !std::all_of(boundary->begin(), boundary->end(), is_proper))
    damaged("no proper boundary");
  return *boundary;
}

void read_part_head(std::string_view head, FormPart& part) {
  bool has_name = false;
  while (!head.empty()) {
    const size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(head.size(), end + 2));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) damaged("a part's header without a colon");
    const std::string_view name = line.substr(0, colon), value = without_spaces(line.substr(colon + 1));
    if (equal_ignoring_case(name, "Content-Type")) part.media_type = value;
    if (!equal_ignoring_case(name, "Content-Disposition")) continue;
    if (const auto given = parameter(value, "name")) {
      part.name = *given;
      has_name = true;
    }
    part.file_name = parameter(value, "filename").value_or("");
  }
  if (!has_name) damaged("a part without a name");
}

}  // namespace

std::vector<FormPart> parse_form(std::string_view content_type, std::string_view body) {
  const std::string delimiter = "\r\n--" + boundary_of(content_type);
  // The first one may open the body; what stands before it is for nobody.
  const std::string_view opening = std::string_view(delimiter).substr(2);
  size_t at = body.starts_with(opening) ? opening.size() : body.find(delimiter);
  if (at == std::string_view::npos) damaged("its boundary is not in it");
  if (!body.starts_with(opening)) at += delimiter.size();
  std::vector<FormPart> parts;
  while (!body.substr(at).starts_with("--")) {
    if (!body.substr(at).starts_with("\r\n")) damaged("a boundary with something behind it");
    at += 2;
    const size_t head_end = body.substr(at, kMostHeadBytes).find("\r\n\r\n");
    if (head_end == std::string_view::npos) damaged("a part whose head does not end");
    FormPart part;
    read_part_head(body.substr(at, head_end), part);
    const size_t begin = at + head_end + 4;
    const size_t end = body.find(delimiter, begin);
    if (end == std::string_view::npos) damaged("a part that does not end");
    part.data = body.substr(begin, end - begin);
    if (parts.size() == kMostFormParts) damaged("too many parts");
    parts.push_back(std::move(part));
    at = end + delimiter.size();
  }
  return parts;
}

}  // namespace newbie
