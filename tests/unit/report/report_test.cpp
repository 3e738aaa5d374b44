// Pages and plots that a program writes for a person.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "report/html.h"
#include "report/svg_plot.h"

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

size_t count_of(const std::string& text, std::string_view what) {
  size_t out = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++out;
  return out;
}

TEST(Html, WhatAPersonWroteIsTextAndNoMarkup) {
  EXPECT_EQ(escape_html("<b a=\"1\" b='2'>&"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
  EXPECT_EQ(escape_html("ü\xff!"), "ü\uFFFD!");
  EXPECT_EQ(escape_html(std::string_view("a\0b", 3)), "a\uFFFDb");
  HtmlPage page("<script>");
  page.section("<script>");
  page.paragraph("<script>");
  page.remark(Mark::Bad, "<script>", "<script>");
  page.code("<script>");
  page.table({.columns = {"<script>"}, .rows = {{{"<script>", "<script>"}}}, .caption = "<script>"});
  page.figure("<script>", line_plot({.x = {"<script>"}, .y = {"<script>"}, .series = {{.name = "<script>"}}}),
              "<script>");
  EXPECT_THAT(page.str(), Not(HasSubstr("<script>")));
  EXPECT_GE(count_of(page.str(), "&lt;script&gt;"), 12u);
}

TEST(Html, NothingIsFetched) {
  HtmlPage page("title");
  page.html(inline_picture({.width = 2, .height = 1, .channels = 3, .pixels = {1, 2, 3, 4, 5, 6}}, "two pixels"));
  const std::string text = page.str();
  EXPECT_THAT(text, HasSubstr("src=\"data:image/webp;base64,"));
  EXPECT_THAT(text, Not(HasSubstr("http")));
  EXPECT_THAT(text, Not(HasSubstr("url(")));
  EXPECT_THAT(text, Not(HasSubstr("@import")));
}

TEST(Plots, TicksAreRoundNumbersInside) {
  EXPECT_THAT(axis_ticks(0, 10, false, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(axis_ticks(-0.3, 0.7, false, 5),
              ElementsAre(testing::DoubleEq(-0.2), 0, 0.2, 0.4, testing::DoubleNear(0.6, 1e-12)));
  EXPECT_THAT(axis_ticks(1e-6, 1e-2, true, 5), testing::SizeIs(5));
  EXPECT_THAT(axis_ticks(0.9, 25, true, 5), testing::Each(testing::AllOf(testing::Ge(0.9), testing::Le(25))));
  EXPECT_TRUE(axis_ticks(1, 1, false, 5).empty());
  EXPECT_TRUE(axis_ticks(0, std::numeric_limits<double>::infinity(), false, 5).empty());
}

TEST(Plots, ValuesThatAreNoPlaceAreLeftOut) {
  const double nan = std::nan(""), infinite = std::numeric_limits<double>::infinity();
  const std::string svg = line_plot({.x = {"step"},
                                     .y = {.label = "error", .logarithmic = true},
                                     .series = {{.name = "a",
                                                 .x = {0, 1, 2, 3, 4, 5},
                                                 .y = {1e-3, 0, 1e-2, nan, infinite, 1e-1},
                                                 .low = {-1, 1e-4, 1e-4, nan, 1, 1},
                                                 .high = {1, 1, 1, 1, infinite, 1},
                                                 .dots = true}}});
  EXPECT_EQ(count_of(svg, "<circle"), 3u);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(Plots, NothingToShowIsStillAPlot) {
  EXPECT_THAT(line_plot({}), HasSubstr("</svg>"));
  EXPECT_THAT(dot_plot({}), HasSubstr("</svg>"));
  EXPECT_THAT(bar_plot({}), HasSubstr("</svg>"));
  const std::string one = dot_plot({.x = {"x"}, .dots = {{.name = "only", .value = 3}}, .guide = PlotMark{3, "same"}});
  EXPECT_THAT(one, Not(HasSubstr("nan")));
}

TEST(Pages, OnlyAPageMakesRoomForAPage) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "newbie_pages";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::filesystem::path path = folder / "check.html";
  write_page(path, HtmlPage("first").str());
  write_page(path, HtmlPage("second").str());
  EXPECT_THAT(read_file(path, 1 << 20), HasSubstr("<title>second"));
  for (const char* others : {"", "mine", "<!doctype html>\n<html><body>a page of mine</body></html>"}) {
    write_file_atomically(path, others);
    EXPECT_THROW(write_page(path, HtmlPage("third").str()), Error);
    EXPECT_EQ(read_file(path, 1 << 20), others);
  }
  std::filesystem::remove_all(folder);
}

TEST(Plots, BarsStackFromTheLeft) {
  const std::string svg =
      bar_plot({.x = {"MiB"},
                .pieces = {"weights", "arena"},
                .tick_name = "measured",
                .bars = {{.name = "f32", .pieces = {30, 10}, .tick = 41}, {.name = "bf16", .pieces = {15, -1}}}});
  EXPECT_EQ(count_of(svg, "<rect"), 3u);
  EXPECT_EQ(count_of(svg, "class=\"across\""), 1u);
  EXPECT_THAT(svg, HasSubstr("f32, weights: 30"));
}

}  // namespace
}  // namespace newbie
