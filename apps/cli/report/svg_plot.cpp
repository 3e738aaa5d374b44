#include "report/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/html.h"
#include "report/style.h"

namespace newbie {

namespace {

constexpr double kPlotWidth = 480, kPlotHeight = 290,
                 kLine = 24;      // units of the view box; a line of letters is 12 high
constexpr double kCharacter = 7;  // of a 12 unit letter, generously

std::string number_label(double v) {
  if (v == 0) return "0";
  const double size = std::fabs(v);
  if (size >= 1e-3 && size < 1e6) return fmt::format("{:g}", v);
  std::string out = fmt::format("{:.3g}", v);  // 1e-06 -> 1e-6
  if (const size_t e = out.find('e'); e != std::string::npos)
    while (out.size() > e + 3 && out[e + 2] == '0') out.erase(e + 2, 1);
  return out;
}

// From values to places along one side of the picture.
class Scale {
 public:
  Scale(const PlotAxis& axis, double begin, double end) : axis_(axis), begin_(begin), end_(end) {}

  bool shows(double v) const { return std::isfinite(v) && (!axis_.logarithmic || v > 0); }
  void include(double v) {
    if (!shows(v)) return;
    low_ = std::min(low_, v);
    high_ = std::max(high_, v);
  }
  // After every value is included.
  void settle() {
    if (!(low_ <= high_)) low_ = axis_.logarithmic ? 0.1 : 0, high_ = 1;
    if (axis_.from_zero) low_ = std::min(low_, 0.0), high_ = std::max(high_, 0.0);
    if (axis_.logarithmic) {
      if (high_ / low_ < 4) low_ /= 2, high_ *= 2;
      return;
    }
    if (high_ - low_ <= 1e-12 * std::max(std::fabs(high_), std::fabs(low_)) || high_ == low_) {
      const double more = high_ == 0 ? 1 : std::fabs(high_) * 0.1;
      high_ += more;
      if (!axis_.from_zero) low_ -= more;
    } else if (axis_.names.empty()) {
      const double more = (high_ - low_) * 0.05;
      high_ += more;
      if (!axis_.from_zero) low_ -= more;
    }
  }
  double at(double v) const {
    return begin_ + (end_ - begin_) * (place(v) - place(low_)) / (place(high_) - place(low_));
  }
  std::vector<double> ticks(int wanted) const {
    if (axis_.names.empty()) return axis_ticks(low_, high_, axis_.logarithmic, wanted);
    std::vector<double> out;
    for (size_t i = 0; i < axis_.names.size(); ++i) out.push_back(static_cast<double>(i));
    return out;
  }
  std::string label(double v) const {
    return axis_.names.empty() ? number_label(v) : escape_html(axis_.names[static_cast<size_t>(v)]);
  }

 private:
  double place(double v) const { return axis_.logarithmic ? std::log10(v) : v; }

  const PlotAxis& axis_;
  double begin_, end_;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -std::numeric_limits<double>::infinity();
};

std::string begin_svg(double height, const std::string& label) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", kPlotWidth, height,
                     escape_html(label));
}

std::string text(double x, double y, const char* anchor, const char* css, const std::string& escaped) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>", x, y, anchor, css,
                     escaped);
}

std::string line(double x1, double y1, double x2, double y2, const std::string& css) {
  return fmt::format("<path class=\"{}\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>", css, x1, y1, x2, y2);
}

std::string series_class(int colour) { return fmt::format("s{}", colour % kSeriesColours); }

std::string legend(const std::vector<std::pair<std::string, int>>& names) {
  if (names.size() < 2) return {};
  std::string out = "<ul class=\"legend\">";
  for (const auto& [name, colour] : names)
    out += fmt::format("<li class=\"{}\">{}</li>", series_class(colour), escape_html(name));
  return out + "</ul>";
}

// The axis below a plot, from `left` to `right`, with lines up to `top`.
std::string bottom_axis(const Scale& scale, const PlotAxis& axis, double left, double right, double top, double bottom,
                        int wanted) {
  std::string out;
  double free_from = -1;
  for (const double v : scale.ticks(wanted)) {
    const double x = scale.at(v);
    out += line(x, top, x, bottom, "axis");
    const std::string label = scale.label(v);
    const double half = static_cast<double>(label.size()) * kCharacter / 2;
    if (x - half < free_from || x + half > kPlotWidth) continue;
    out += text(x, bottom + 15, "middle", "tick", label);
    free_from = x + half + 6;
  }
  return out + line(left, bottom, right, bottom, "axis") +
         text((left + right) / 2, bottom + 32, "middle", "tick", escape_html(axis.label));
}

std::string path_of(const PlotSeries& s, const Scale& x, const Scale& y) {
  std::string out;
  bool pen_down = false;
  for (size_t i = 0; i < s.x.size() && i < s.y.size(); ++i) {
    if (!x.shows(s.x[i]) || !y.shows(s.y[i])) {
      pen_down = false;
      continue;
    }
    out += fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', x.at(s.x[i]), y.at(s.y[i]));
    pen_down = true;
  }
  return out;
}

std::string band_of(const PlotSeries& s, const Scale& x, const Scale& y) {
  std::string there, back;
  for (size_t i = 0; i < s.low.size() && i < s.high.size() && i < s.x.size(); ++i) {
    if (!x.shows(s.x[i]) || !y.shows(s.low[i]) || !y.shows(s.high[i])) continue;
    there += fmt::format("{}{:.1f} {:.1f}", there.empty() ? 'M' : 'L', x.at(s.x[i]), y.at(s.high[i]));
    back.insert(0, fmt::format("L{:.1f} {:.1f}", x.at(s.x[i]), y.at(s.low[i])));
  }
  if (there.empty()) return {};
  return fmt::format("<path class=\"band {}\" d=\"{}{}Z\"/>", series_class(s.colour), there, back);
}

// Room on the left for the names of lines.
double name_room(size_t longest) { return std::clamp(static_cast<double>(longest) * kCharacter + 12, 50.0, 190.0); }

// Letters, not bytes.
size_t letters(const std::string& text_utf8) {
  return static_cast<size_t>(std::ranges::count_if(text_utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, bool logarithmic, int wanted) {
  std::vector<double> out;
  if (!(low < high) || !std::isfinite(high - low) || wanted < 1) return out;
  if (logarithmic) {
    const int first = static_cast<int>(std::floor(std::log10(low))),
              last = static_cast<int>(std::ceil(std::log10(high)));
    const int stride = std::max(1, (last - first) / wanted);
    for (int e = first; e <= last; e += stride)
      for (const double m : {1.0, 2.0, 5.0}) {
        if (m != 1.0 && last - first > 2) continue;
        if (const double v = m * std::pow(10.0, e); v >= low && v <= high) out.push_back(v);
      }
    return out;
  }
  const double rough = (high - low) / wanted, magnitude = std::pow(10.0, std::floor(std::log10(rough)));
  double stride = 10 * magnitude;
  for (const double m : {5.0, 2.0, 1.0})
    if (m * magnitude >= rough) stride = m * magnitude;
  for (double i = std::ceil(low / stride); i * stride <= high && out.size() < 1000; ++i) out.push_back(i * stride);
  return out;
}

std::string line_plot(const LinePlot& plot) {
  Scale x(plot.x, 0, 1), y(plot.y, 0, 1);
  const auto include = [&](Scale& of_x, Scale& of_y) {
    for (const PlotSeries& s : plot.series) {
      for (const double v : s.x) of_x.include(v);
      for (const std::vector<double>* values : {&s.y, &s.low, &s.high})
        for (const double v : *values) of_y.include(v);
    }
    of_x.settle();
    of_y.settle();
  };
  include(x, y);
  size_t longest = 1;
  for (const double v : y.ticks(5)) longest = std::max(longest, letters(y.label(v)));
  const double left = static_cast<double>(longest) * kCharacter + 14, right = kPlotWidth - 12,
               bottom = kPlotHeight - 40;
  const double top = plot.marks.empty() ? 22 : 36;
  Scale across(plot.x, left, right), up(plot.y, bottom, top);
  include(across, up);

  std::vector<std::pair<std::string, int>> names;
  for (const PlotSeries& s : plot.series) names.emplace_back(s.name, s.colour);
  std::string out = legend(names) + begin_svg(kPlotHeight, plot.y.label);
  out += bottom_axis(across, plot.x, left, right, top, bottom, 7);
  for (const double v : up.ticks(5)) {
    out += line(left, up.at(v), right, up.at(v), "axis");
    out += text(left - 6, up.at(v) + 4, "end", "tick", up.label(v));
  }
  out += text(left, 12, "start", "tick", escape_html(plot.y.label));
  double free_from = 0;
  for (const PlotMark& mark : plot.marks) {
    const double at = across.at(mark.x), room = static_cast<double>(letters(mark.name)) * kCharacter;
    out += line(at, top, at, bottom, "guide");
    if (at < free_from) continue;
    const bool fits = at + room < kPlotWidth;
    out += text(at, top - 5, fits ? "start" : "end", "tick", escape_html(mark.name));
    free_from = at + room + 6;
  }
  for (const PlotSeries& s : plot.series) out += band_of(s, across, up);
  for (const PlotSeries& s : plot.series) {
    const std::string path = path_of(s, across, up);
    if (path.empty()) continue;
    out += fmt::format("<path class=\"series {}{}\" d=\"{}\"><title>{}</title></path>", series_class(s.colour),
                       s.dashed ? " dashed" : "", path, escape_html(s.name));
    if (!s.dots) continue;
    for (size_t i = 0; i < s.x.size() && i < s.y.size(); ++i)
      if (across.shows(s.x[i]) && up.shows(s.y[i]))
        out += fmt::format(
            "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\"><title>{}: {:.4g}</title></circle>",
            series_class(s.colour), across.at(s.x[i]), up.at(s.y[i]), escape_html(s.name), s.y[i]);
  }
  return out + "</svg>";
}

std::string dot_plot(const DotPlot& plot) {
  size_t longest = 1;
  for (const PlotDot& dot : plot.dots) longest = std::max(longest, letters(dot.name));
  const double left = name_room(longest), right = kPlotWidth - 16, top = plot.guide ? 20 : 6;
  const double bottom = top + kLine * static_cast<double>(plot.dots.size()) + 4;
  Scale x(plot.x, left, right);
  for (const PlotDot& dot : plot.dots) {
    x.include(dot.value);
    if (dot.low) x.include(*dot.low);
    if (dot.high) x.include(*dot.high);
  }
  if (plot.guide) x.include(plot.guide->x);
  x.settle();
  std::string out = begin_svg(bottom + 40, plot.x.label) + bottom_axis(x, plot.x, left, right, top, bottom, 5);
  if (plot.guide && x.shows(plot.guide->x)) {
    const double at = x.at(plot.guide->x), half = static_cast<double>(letters(plot.guide->name)) * kCharacter / 2;
    out += line(at, top, at, bottom, "guide");
    out += text(std::clamp(at, half, kPlotWidth - half), top - 6, "middle", "tick", escape_html(plot.guide->name));
  }
  for (size_t i = 0; i < plot.dots.size(); ++i) {
    const PlotDot& dot = plot.dots[i];
    const double y = top + kLine * (static_cast<double>(i) + 0.5) + 2;
    out += text(left - 8, y + 4, "end", "name", escape_html(dot.name));
    if (!x.shows(dot.value)) continue;
    std::string words = fmt::format("{}: {:.5g}", escape_html(dot.name), dot.value);
    if (dot.low && dot.high && x.shows(*dot.low) && x.shows(*dot.high)) {
      words += fmt::format(" ({:.5g} to {:.5g})", *dot.low, *dot.high);
      out += line(x.at(*dot.low), y, x.at(*dot.high), y, "series " + series_class(dot.colour));
      for (const double end : {*dot.low, *dot.high})
        out += line(x.at(end), y - 4, x.at(end), y + 4, "series " + series_class(dot.colour));
    }
    out += fmt::format("<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"><title>{}</title></circle>",
                       series_class(dot.colour), x.at(dot.value), y, words);
  }
  return out + "</svg>";
}

std::string bar_plot(const BarPlot& plot) {
  size_t longest = 1;
  for (const PlotBar& bar : plot.bars) longest = std::max(longest, letters(bar.name));
  const double left = name_room(longest), right = kPlotWidth - 16, top = 6;
  const double bottom = top + kLine * static_cast<double>(plot.bars.size()) + 4;
  PlotAxis axis = plot.x;
  axis.from_zero = true;
  axis.logarithmic = false;
  Scale x(axis, left, right);
  for (const PlotBar& bar : plot.bars) {
    double sum = 0;
    for (const double piece : bar.pieces) sum += std::isfinite(piece) ? std::max(piece, 0.0) : 0;
    x.include(sum);
    if (bar.tick) x.include(*bar.tick);
  }
  x.settle();
  std::vector<std::pair<std::string, int>> names;
  for (size_t i = 0; i < plot.pieces.size(); ++i) names.emplace_back(plot.pieces[i], static_cast<int>(i));
  std::string out =
      legend(names) + begin_svg(bottom + 40, plot.x.label) + bottom_axis(x, axis, left, right, top, bottom, 5);
  for (size_t i = 0; i < plot.bars.size(); ++i) {
    const PlotBar& bar = plot.bars[i];
    const double y = top + kLine * (static_cast<double>(i) + 0.5) + 2;
    out += text(left - 8, y + 4, "end", "name", escape_html(bar.name));
    double from = 0;
    for (size_t p = 0; p < bar.pieces.size() && p < plot.pieces.size(); ++p) {
      if (!std::isfinite(bar.pieces[p]) || bar.pieces[p] <= 0) continue;
      out += fmt::format(
          "<rect class=\"dot {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"><title>{}, {}: "
          "{:.4g}</title></rect>",
          series_class(static_cast<int>(p)), x.at(from), y - 7, x.at(from + bar.pieces[p]) - x.at(from), 14,
          escape_html(bar.name), escape_html(plot.pieces[p]), bar.pieces[p]);
      from += bar.pieces[p];
    }
    if (bar.tick && x.shows(*bar.tick))
      out += fmt::format("<path class=\"across\" d=\"M{0:.1f} {1:.1f}V{2:.1f}\"><title>{3}: {4:.4g}</title></path>",
                         x.at(*bar.tick), y - 10, y + 10, escape_html(plot.tick_name), *bar.tick);
  }
  return out + "</svg>";
}

}  // namespace newbie
