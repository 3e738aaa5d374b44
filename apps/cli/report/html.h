// Pages a program writes for a person: one file, nothing fetched from elsewhere, readable wide and narrow, in the light
// and in the dark.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace newbie {

// Text as it has to stand between tags and inside quotes. What is not UTF-8 is replaced.
std::string escape_html(std::string_view text);

// How a cell or a remark is to be seen.
enum class Mark { Plain, Good, Bad, Quiet };

struct HtmlCell {
  std::string text;
  std::string note = {};  // small, below the text; its line ends are kept
  Mark mark = Mark::Plain;
  bool prose = false;  // sentences: from the left, in as many lines as they need
};

struct HtmlTable {
  std::vector<std::string> columns;
  std::vector<std::vector<HtmlCell>> rows;  // the first cell of each names the row
  std::string caption = {};
};

// Written from top to bottom. Everything but html() takes plain text.
class HtmlPage {
 public:
  explicit HtmlPage(std::string_view title);

  void section(std::string_view title);
  void paragraph(std::string_view text);
  void remark(Mark mark, std::string_view title, std::string_view text);
  void code(std::string_view text);                          // as it is, scrolls when it is wide
  void table(const HtmlTable& table);                        // scrolls when it is wide, its first column stays
  void begin_figures() { html("<div class=\"figures\">"); }  // beside each other where there is room
  void figure(std::string_view title, std::string_view content_html, std::string_view text);
  void end_figures() { html("</div>"); }
  void html(std::string_view markup) { body_ += markup; }

  std::string str() const;

 private:
  std::string title_, body_;
};

// An <img> with the picture in it, in as few bytes as keep every pixel.
std::string inline_picture(const Image& picture, std::string_view alternative_text);

// Writes a page under a name that the program chose. Error{InvalidRequest} when something else than a page like it has
// the name: a page of an earlier run makes room, nobody else's file does.
void write_page(const std::filesystem::path& path, const std::string& page);

}  // namespace newbie
