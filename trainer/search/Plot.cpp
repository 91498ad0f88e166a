// See Plot.h.
#include "trainer/search/Plot.h"

#include "trainer/search/Text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace disco::search {
namespace {

struct Range {
  double low = 0, high = 1;
  bool any = false;
  void include(double value) {
    low = any ? std::min(low, value) : value;
    high = any ? std::max(high, value) : value;
    any = true;
  }
  void widen(double share) {
    double room = high > low ? (high - low) * share : std::max(1e-3, std::abs(high) * 0.1);
    low -= room;
    high += room;
  }
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string tickText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", std::abs(value) < 1e-12 ? 0 : value);
  return text;
}

/// About five round values: 1, 2 or 5 times a power of ten apart.
std::vector<double> linearTicks(const Range &range) {
  double raw = (range.high - range.low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
  double step = power * (raw / power < 1.5   ? 1
                         : raw / power < 3.5 ? 2
                         : raw / power < 7.5 ? 5
                                             : 10);
  std::vector<double> ticks;
  for (double tick = std::ceil(range.low / step) * step; tick <= range.high; tick += step)
    ticks.push_back(tick);
  return ticks;
}

/// Logarithms of 1, 2 and 5 times the powers of ten, or of evenly spaced values where the range
/// holds few of those.
std::vector<double> logTicks(const Range &range) {
  constexpr size_t kFew = 3;
  std::vector<double> ticks;
  for (int power = static_cast<int>(std::floor(range.low)); power <= std::ceil(range.high); ++power)
    for (double factor : {1.0, 2.0, 5.0})
      if (double tick = power + std::log10(factor); tick >= range.low && tick <= range.high)
        ticks.push_back(tick);
  if (ticks.size() < kFew) {
    ticks = linearTicks({std::pow(10, range.low), std::pow(10, range.high), true});
    for (double &tick : ticks)
      tick = std::log10(tick);
  }
  return ticks;
}

/// The frame of one plot: maps values to pixels and collects elements.
class Canvas {
public:
  Canvas(const PlotOptions &options, Range x, Range y, int legendRows)
      : options_(options), x_(x), y_(y) {
    bottom_ = options.height - 42 - 16 * legendRows;
  }
  double x(double value) const {
    return left_ + (value - x_.low) / (x_.high - x_.low) * (right() - left_);
  }
  double y(double value) const {
    return bottom_ - (value - y_.low) / (y_.high - y_.low) * (bottom_ - top_);
  }
  double right() const { return options_.width - 14; }
  double bottom() const { return bottom_; }

  void line(double x1, double y1, double x2, double y2, const char *style) {
    body_ += "<line class=\"" + std::string(style) + "\" x1=\"" + number(x1) + "\" y1=\"" +
             number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) + "\"/>";
  }
  void text(double x, double y, const char *anchor, const std::string &content,
            const std::string &more = "") {
    body_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor +
             "\"" + more + ">" + escapeHtml(content) + "</text>";
  }
  void add(const std::string &element) { body_ += element; }

  void axes() {
    for (double tick : options_.logX ? logTicks(x_) : linearTicks(x_)) {
      line(x(tick), top_, x(tick), bottom_, "grid");
      text(x(tick), bottom_ + 15, "middle", tickText(options_.logX ? std::pow(10, tick) : tick));
    }
    for (double tick : linearTicks(y_)) {
      line(left_, y(tick), right(), y(tick), "grid");
      text(left_ - 6, y(tick) + 4, "end", tickText(tick));
    }
    line(left_, bottom_, right(), bottom_, "axis");
    line(left_, top_, left_, bottom_, "axis");
    text((left_ + right()) / 2, bottom_ + 32, "middle", options_.x);
    double middle = (top_ + bottom_) / 2;
    text(14, middle, "middle", options_.y, " transform=\"rotate(-90 14 " + number(middle) + ")\"");
    text(left_, 16, "start", options_.title, " class=\"title\"");
  }
  std::string finish() const {
    std::string size = std::to_string(options_.width) + " " + std::to_string(options_.height);
    return "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size +
           "\" role=\"img\" aria-label=\"" + escapeHtml(options_.title) + "\">" + body_ + "</svg>";
  }

private:
  const PlotOptions &options_;
  Range x_, y_;
  double left_ = 62, top_ = 28, bottom_ = 0;
  std::string body_;
};

void drawSeries(Canvas &canvas, const Series &series, bool logX) {
  std::string colour = "c" + std::to_string(series.colour % kPlotColours);
  std::string path, dots;
  bool open = false;
  for (auto [x, y] : series.points) {
    if (logX)
      x = std::log10(x);
    if (!std::isfinite(x) || !std::isfinite(y)) {
      open = false;
      continue;
    }
    std::string at = number(canvas.x(x)) + " " + number(canvas.y(y));
    path += (open ? "L" : "M") + at;
    open = true;
    if (series.dots)
      dots += "<circle class=\"dot " + colour + "\" cx=\"" + number(canvas.x(x)) + "\" cy=\"" +
              number(canvas.y(y)) + "\" r=\"3\"/>";
  }
  if (series.line && !path.empty())
    canvas.add("<path class=\"line " + colour + (series.dashed ? " dashed" : "") + "\" d=\"" +
               path + "\"/>");
  canvas.add(dots);
}

} // namespace

std::string plotSvg(const std::vector<Series> &series, const PlotOptions &options) {
  Range x, y;
  for (const Series &one : series)
    for (auto [px, py] : one.points) {
      double at = options.logX ? std::log10(px) : px;
      if (std::isfinite(at) && std::isfinite(py)) {
        x.include(at);
        y.include(py);
      }
    }
  double mark = options.logX ? std::log10(options.verticalMark) : options.verticalMark;
  if (options.hasMark && std::isfinite(mark))
    x.include(mark);
  if (!y.any)
    return "<p>Nothing to draw: no finite value.</p>";
  x.widen(options.logX ? 0.04 : 0);
  y.widen(0.06);
  int perRow = std::max(1, options.width / 140);
  int legendRows = options.legend ? (static_cast<int>(series.size()) + perRow - 1) / perRow : 0;
  Canvas canvas(options, x, y, legendRows);
  canvas.axes();
  if (options.hasMark)
    canvas.line(canvas.x(mark), 28, canvas.x(mark), canvas.bottom(), "mark");
  for (const Series &one : series)
    drawSeries(canvas, one, options.logX);
  for (size_t i = 0; options.legend && i < series.size(); ++i) {
    double left = 16 + static_cast<double>(i % perRow) * 140,
           top = canvas.bottom() + 50 + 16.0 * static_cast<double>(i / perRow);
    std::string colour = "line c" + std::to_string(series[i].colour % kPlotColours) +
                         (series[i].dashed ? " dashed" : "");
    canvas.line(left, top - 4, left + 20, top - 4, colour.c_str());
    canvas.text(left + 26, top, "start", oneLine(series[i].label, 18));
  }
  return canvas.finish();
}

std::string plotStyle() {
  return R"css(
.plot { font: 11px system-ui, sans-serif; max-width: 100%; height: auto }
.plot text { fill: #55606b } .plot .title { font-weight: 600; fill: #1c2430 }
.plot .grid { stroke: #e3e7eb } .plot .axis { stroke: #8a949e } .plot .mark { stroke: #8a949e; stroke-dasharray: 4 3 }
.plot .line { fill: none; stroke-width: 2 } .plot .dashed { stroke-dasharray: 6 3 } .plot .dot { stroke: none }
.plot .c0 { stroke: #0b6fa4; fill: #0b6fa4 } .plot .c1 { stroke: #c2410c; fill: #c2410c }
.plot .c2 { stroke: #15803d; fill: #15803d } .plot .c3 { stroke: #7c3aed; fill: #7c3aed }
.plot .c4 { stroke: #a21caf; fill: #a21caf } .plot .c5 { stroke: #0f766e; fill: #0f766e }
.plot .c6 { stroke: #a16207; fill: #a16207 } .plot .c7 { stroke: #4d7c0f; fill: #4d7c0f }
.plot .c8 { stroke: #4338ca; fill: #4338ca } .plot .c9 { stroke: #737d86; fill: #737d86 }
.plot .line { fill: none }
@media (prefers-color-scheme: dark) {
.plot text { fill: #a9b4bf } .plot .title { fill: #e8edf2 } .plot .grid { stroke: #2b343d } .plot .axis { stroke: #7a8691 }
.plot .c0 { stroke: #57b6e8; fill: #57b6e8 } .plot .c1 { stroke: #fb923c; fill: #fb923c }
.plot .c2 { stroke: #4ade80; fill: #4ade80 } .plot .c3 { stroke: #b79cff; fill: #b79cff }
.plot .c4 { stroke: #e879f9; fill: #e879f9 } .plot .c5 { stroke: #2dd4bf; fill: #2dd4bf }
.plot .c6 { stroke: #facc15; fill: #facc15 } .plot .c7 { stroke: #a3e635; fill: #a3e635 }
.plot .c8 { stroke: #8b9bff; fill: #8b9bff } .plot .c9 { stroke: #a9b4bf; fill: #a9b4bf }
.plot .line { fill: none }
}
)css";
}

std::string plotFile(const std::vector<Series> &series, const PlotOptions &options) {
  std::string svg = plotSvg(series, options);
  if (!svg.starts_with("<svg"))
    return "<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n";
  size_t open = svg.find('>') + 1;
  std::string background = "<style>.back { fill: #ffffff } @media (prefers-color-scheme: dark) { "
                           ".back { fill: #12171c } }" +
                           plotStyle() +
                           "</style><rect class=\"back\" width=\"100%\" height=\"100%\"/>";
  return svg.insert(open, background) + "\n";
}

} // namespace disco::search
