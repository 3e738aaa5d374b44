#include "report/html.h"

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/printable.h"
#include "image/picture_format.h"
#include "report/style.h"
#include "text/base64.h"
#include "text/utf8.h"

namespace newbie {

namespace {

constexpr std::string_view kOpening = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";

std::string_view class_of(Mark mark) {
  switch (mark) {
    case Mark::Plain: return "plain";
    case Mark::Good: return "good";
    case Mark::Bad: return "bad";
    case Mark::Quiet: return "quiet";
  }
  return "plain";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t good = find_invalid_utf8(text).value_or(text.size());
    for (const char c : text.substr(0, good)) switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        case '\0': out += "\uFFFD"; break;
        default: out += c;
      }
    text.remove_prefix(good);
    if (text.empty()) break;
    out += "\uFFFD";
    text.remove_prefix(1);
  }
  return out;
}

HtmlPage::HtmlPage(std::string_view title) : title_(escape_html(title)) {}

void HtmlPage::section(std::string_view title) { html("<h2>" + escape_html(title) + "</h2>\n"); }

void HtmlPage::paragraph(std::string_view text) { html("<p>" + escape_html(text) + "</p>\n"); }

void HtmlPage::remark(Mark mark, std::string_view title, std::string_view text) {
  body_.append("<div class=\"remark ").append(class_of(mark)).append("\"><b>").append(escape_html(title));
  body_.append("</b> ").append(escape_html(text)).append("</div>\n");
}

void HtmlPage::code(std::string_view text) { html("<pre>" + escape_html(text) + "</pre>\n"); }

void HtmlPage::table(const HtmlTable& table) {
  html("<div class=\"wide\"><table>");
  if (!table.caption.empty()) html("<caption>" + escape_html(table.caption) + "</caption>");
  html("<thead><tr>");
  for (const std::string& column : table.columns) html("<th scope=\"col\">" + escape_html(column) + "</th>");
  html("</tr></thead><tbody>\n");
  for (const auto& row : table.rows) {
    html("<tr>");
    for (size_t i = 0; i < row.size(); ++i) {
      const HtmlCell& cell = row[i];
      body_.append(i == 0 ? "<th scope=\"row\" class=\"" : "<td class=\"").append(class_of(cell.mark));
      html(cell.prose ? " prose\">" : "\">");
      html(escape_html(cell.text));
      if (!cell.note.empty()) html("<small>" + escape_html(cell.note) + "</small>");
      html(i == 0 ? "</th>" : "</td>");
    }
    html("</tr>\n");
  }
  html("</tbody></table></div>\n");
}

void HtmlPage::figure(std::string_view title, std::string_view content_html, std::string_view text) {
  body_.append("<figure><h3>").append(escape_html(title)).append("</h3>").append(content_html);
  body_.append("<figcaption>").append(escape_html(text)).append("</figcaption></figure>\n");
}

std::string HtmlPage::str() const {
  std::string out(kOpening);
  out.append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>").append(title_);
  out.append("</title>\n<style>\n").append(kPageStyle).append("</style></head>\n<body><main>\n<h1>").append(title_);
  out.append("</h1>\n").append(body_).append("</main></body></html>\n");
  return out;
}

std::string inline_picture(const Image& picture, std::string_view alternative_text) {
  constexpr int kLossless = 100;
  const std::vector<std::byte> bytes = encode_picture(PictureFormat::WebP, picture, {}, kLossless);
  return "<img width=\"" + std::to_string(picture.width) + "\" height=\"" + std::to_string(picture.height) +
         "\" loading=\"lazy\" alt=\"" + escape_html(alternative_text) + "\" src=\"data:image/webp;base64," +
         encode_base64(bytes) + "\">";
}

void write_page(const std::filesystem::path& path, const std::string& page) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    std::string opening(kOpening.size(), '\0');
    std::ifstream(path, std::ios::binary).read(opening.data(), static_cast<std::streamsize>(opening.size()));
    if (opening != kOpening)
      fail_with_hint(ErrorKind::InvalidRequest, "give it another name, or write into another folder",
                     "{} is there already, and is no page that newbie wrote", in_one_line(path.string()));
  }
  write_file_atomically(path, page);
}

}  // namespace newbie
