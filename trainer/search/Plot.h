// Small line and scatter charts as SVG text: axes with round ticks, coloured series, a legend.
// Colours are CSS classes, so one drawing fits light and dark pages; a standalone file carries its
// own style.
#pragma once

#include <string>
#include <vector>

namespace disco::search {

struct Series {
  std::string label;                             // escaped by the plot
  std::vector<std::pair<double, double>> points; // non-finite ones are left out and break a line
  int colour = 0; // class c0, c1, ...; they repeat after kPlotColours
  bool line = true, dots = false, dashed = false;
};
constexpr int kPlotColours = 10;

struct PlotOptions {
  std::string title, x, y; // labels
  int width = 420, height = 280;
  bool logX = false;
  double verticalMark =
      0; // x of a dashed vertical line; none at 0 when logX, or when hasMark is unset
  bool hasMark = false;
  bool legend = true;
};

/// An `<svg>` element; without a point in range it says so.
std::string plotSvg(const std::vector<Series> &series, const PlotOptions &options);
/// The style that plots need, as CSS rules; colours follow the page's light or dark scheme.
std::string plotStyle();
/// The plot as a file of its own.
std::string plotFile(const std::vector<Series> &series, const PlotOptions &options);

} // namespace disco::search
