// Plots as SVG that stands inside a page (report/html.h), which gives the colours. Values that are not finite, and on a
// logarithmic axis those not above 0, are left out.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace newbie {

struct PlotAxis {
  std::string label = {};
  bool logarithmic = false;
  bool from_zero = false;               // a linear axis that begins at 0
  std::vector<std::string> names = {};  // of the values 0, 1, 2 …, instead of numbers
};

struct PlotSeries {
  std::string name;
  std::vector<double> x = {}, y = {};       // of equal length; joined in this order
  std::vector<double> low = {}, high = {};  // a band around y, or empty
  int colour = 0;
  bool dashed = false;
  bool dots = false;  // at every value, with its number when pointed at
};

// A place on the x axis with a name.
struct PlotMark {
  double x = 0;
  std::string name;
};

struct LinePlot {
  PlotAxis x, y;
  std::vector<PlotSeries> series;
  std::vector<PlotMark> marks = {};
};
std::string line_plot(const LinePlot& plot);

// A value and where it may lie, one a line.
struct PlotDot {
  std::string name;
  double value = 0;
  std::optional<double> low = {}, high = {};
  int colour = 0;
};
struct DotPlot {
  PlotAxis x;
  std::vector<PlotDot> dots;
  std::optional<PlotMark> guide = {};  // a value to compare with
};
std::string dot_plot(const DotPlot& plot);

// Lengths made of pieces, one a line; from 0.
struct PlotBar {
  std::string name;
  std::vector<double> pieces = {};  // one for each name of the plot
  std::optional<double> tick = {};  // another value of the same thing, as a line across
};
struct BarPlot {
  PlotAxis x;
  std::vector<std::string> pieces;
  std::string tick_name = {};
  std::vector<PlotBar> bars;
};
std::string bar_plot(const BarPlot& plot);

// Places for numbers on an axis from `low` to `high`, about `wanted` of them; round ones.
std::vector<double> axis_ticks(double low, double high, bool logarithmic, int wanted);

}  // namespace newbie
