#include "lab/simulator/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "auspex/base/result.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kLeft = 76, kTop = 48, kWidth = 560, kHeight = 440;
constexpr double kLegendLeft = kLeft + kWidth + 30, kLegendWidth = 470, kLegendRow = 24;

// A logarithmic axis: the place of a value, 0..1.
class Axis {
 public:
  Axis(double low, double high) : low_(std::log(low)), high_(std::log(high)) {}
  [[nodiscard]] double At(double value) const {
    return std::clamp((std::log(value) - low_) / (high_ - low_), 0.0, 1.0);
  }
  [[nodiscard]] bool Holds(double value) const {
    return std::log(value) >= low_ && std::log(value) <= high_;
  }

 private:
  double low_;
  double high_;
};

struct Point {
  std::size_t number = 0;
  std::string title;
  std::optional<Estimate> minutes;
  std::optional<Estimate> harm;
  bool ours = false;
  bool limit = false;
};

const char* Colour(const Point& point) {
  return point.limit ? "#777777" : point.ours ? "#0b6e4f" : "#b3401d";
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Three digits at least, no exponent.
std::string Plain(double value) {
  return fmt::format("{:.{}f}", value,
                     value >= 99.5 || value == std::round(value) ? 0
                     : value >= .995                             ? 1
                                                                 : 2);
}

std::string Text(double x, double y, const char* anchor, const std::string& text,
                 const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, Escaped(text));
}

std::string Line(double x1, double y1, double x2, double y2, const char* colour, double width) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
      "stroke-width=\"{}\"/>\n",
      x1, y1, x2, y2, colour, width);
}

std::vector<Point> PointsOf(const Summary& summary) {
  std::vector<Point> points;
  for (const PolicySummary& policy : summary.policies) {
    Point point{.number = points.size() + 1,
                .title = policy.title,
                .minutes = policy.figures.full_s_median,
                .harm = policy.figures.harmed_mean,
                .ours = policy.title.starts_with("Auspex"),
                .limit = policy.title.starts_with("limit")};
    if (point.minutes) {
      for (double Estimate::*part : {&Estimate::value, &Estimate::low, &Estimate::high})
        (*point.minutes).*part /= 60.0;
    }
    points.push_back(std::move(point));
  }
  return points;
}

bool IsShown(const Point& point) {
  return point.minutes && point.harm && point.minutes->value > 0.0 && point.harm->value > 0.0;
}

std::string Axes(const Axis& x, const Axis& y, double least_harm, double most_harm) {
  std::string svg;
  const double bottom = kTop + kHeight;
  for (double harm = least_harm; harm <= most_harm * 1.001; harm *= 10.0) {
    const double at = bottom - kHeight * y.At(harm);
    svg += Line(kLeft, at, kLeft + kWidth, at, "#dddddd", 1);
    svg += Text(kLeft - 8, at + 4, "end", Plain(harm));
  }
  for (const double minutes : {.1, .2, .5, 1., 2., 5., 10., 20., 50., 100.}) {
    if (!x.Holds(minutes)) continue;
    const double at = kLeft + kWidth * x.At(minutes);
    svg += Line(at, kTop, at, bottom, "#eeeeee", 1);
    svg += Text(at, bottom + 18, "middle", fmt::format("{:g}", minutes));
  }
  svg += Line(kLeft, bottom, kLeft + kWidth, bottom, "#333333", 1);
  svg += Line(kLeft, kTop, kLeft, bottom, "#333333", 1);
  svg += Text(kLeft + kWidth / 2, bottom + 40, "middle",
              "minutes until a good release has the traffic (median)");
  svg += fmt::format(
      "<text transform=\"translate(18 {:.1f}) rotate(-90)\" text-anchor=\"middle\">requests that a "
      "bad release harms (mean)</text>\n",
      kTop + kHeight / 2);
  return svg;
}

std::string Mark(const Point& point, const Axis& x, const Axis& y) {
  const double bottom = kTop + kHeight;
  const double at_x = kLeft + kWidth * x.At(point.minutes->value);
  const double at_y = bottom - kHeight * y.At(point.harm->value);
  std::string svg;
  svg += Line(at_x, bottom - kHeight * y.At(point.harm->low), at_x,
              bottom - kHeight * y.At(point.harm->high), Colour(point), 1.5);
  svg += Line(kLeft + kWidth * x.At(point.minutes->low), at_y,
              kLeft + kWidth * x.At(point.minutes->high), at_y, Colour(point), 1.5);
  svg +=
      fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"10\" fill=\"{}\" stroke=\"#ffffff\"/>\n",
                  at_x, at_y, Colour(point));
  svg += Text(at_x, at_y + 4, "middle", fmt::format("{}", point.number),
              " fill=\"#ffffff\" font-size=\"11\"");
  return svg;
}

std::string Legend(const std::vector<Point>& points) {
  std::string svg;
  double y = kTop + 8;
  for (const Point& point : points) {
    svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"9\" fill=\"{}\"/>\n", kLegendLeft,
                       y, Colour(point));
    svg += Text(kLegendLeft, y + 4, "middle", fmt::format("{}", point.number),
                " fill=\"#ffffff\" font-size=\"11\"");
    const std::string figures =
        IsShown(point)
            ? fmt::format("{} min, {}", Plain(point.minutes->value), Plain(point.harm->value))
            : "no good one gets the traffic, or none is bad";
    svg += Text(kLegendLeft + 16, y + 4, "start", fmt::format("{}: {}", point.title, figures));
    y += kLegendRow;
  }
  return svg;
}

}  // namespace

std::string HarmPlot(const Summary& summary) {
  const std::vector<Point> points = PointsOf(summary);
  double least_harm = 1e9, most_harm = 1.0, least_minutes = 1.0, most_minutes = 10.0;
  for (const Point& point : points) {
    if (!IsShown(point)) continue;
    least_harm = std::min({least_harm, point.harm->low, point.harm->value});
    most_harm = std::max(most_harm, point.harm->high);
    least_minutes = std::min(least_minutes, point.minutes->value);
    most_minutes = std::max(most_minutes, point.minutes->high);
  }
  least_harm = std::pow(10.0, std::floor(std::log10(std::clamp(least_harm, .01, most_harm))));
  most_harm = std::pow(10.0, std::ceil(std::log10(most_harm)));
  if (most_harm <= least_harm) most_harm = 10.0 * least_harm;
  const Axis x(std::max(.01, least_minutes * .7), most_minutes * 1.4);
  const Axis y(least_harm, most_harm);
  const double height =
      std::max(kTop + kHeight + 60, kTop + kLegendRow * static_cast<double>(points.size()) + 30);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 "
      "0 "
      "{0:.0f} {1:.0f}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" "
      "height=\"100%\" fill=\"#ffffff\"/>\n",
      kLegendLeft + kLegendWidth, height);
  svg += Text(kLeft, 26, "start",
              fmt::format("{} simulated deployments, {} of them bad (numbers {} to {})",
                          summary.deployments, summary.bad, summary.first,
                          summary.first + std::max<std::size_t>(1, summary.deployments) - 1),
              " font-size=\"15\"");
  svg += Axes(x, y, least_harm, most_harm);
  for (const Point& point : points) {
    if (IsShown(point)) svg += Mark(point, x, y);
  }
  return svg + Legend(points) + "</svg>\n";
}

}  // namespace auspex::lab::simulator
