// SPDX-License-Identifier: MIT
#include "cli/bench/plot.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/core.h>

namespace tocsin::bench {
namespace {

constexpr int width = 1000;
constexpr int height = 420;  // Of each picture.

bool has_gnuplot() {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/gnuplot").c_str(), X_OK) == 0) return true;
  return false;
}

// In gnuplot's single quotes, where nothing but the quote itself means anything.
std::string literal(std::string_view text) {
  std::string all(1, '\'');
  for (const char one : text) all.append(one == '\'' ? 2 : 1, one);
  all.push_back('\'');
  return all;
}

struct Line {
  std::string name;
  std::size_t type = 0;  // Its colour and sign: the same in all pictures.
  std::vector<const Row*> points;
};

struct Picture {
  std::string group;
  std::string unit;
  std::vector<Line> lines = {};

  // Whether there is a line to draw from one n to another.
  bool is_over_n() const {
    return std::ranges::any_of(
        lines, [](const Line& line) { return line.points.front()->n && line.points.size() > 1; });
  }
};

// The element of `list` that `is_it`, made by `make` if there is none yet.
template <class T, class Is, class Make>
T& find_or_make(std::vector<T>& list, Is is_it, Make make) {
  const auto found = std::ranges::find_if(list, is_it);
  return found != list.end() ? *found : list.emplace_back(make());
}

std::vector<Picture> pictures_of(std::span<const Row> rows) {
  std::vector<Picture> pictures;
  std::vector<std::string> names;
  for (const Row& row : rows) {
    if (!row.is_measured()) continue;
    const auto type =
        static_cast<std::size_t>(std::ranges::find(names, row.name) - names.begin()) + 1;
    if (type > names.size()) names.push_back(row.name);
    Picture& picture = find_or_make(
        pictures,
        [&](const Picture& one) { return one.group == row.group && one.unit == row.unit; },
        [&] { return Picture{row.group, row.unit}; });
    Line& line = find_or_make(
        picture.lines, [&](const Line& one) { return one.name == row.name; },
        [&] { return Line{row.name, type, {}}; });
    line.points.push_back(&row);
  }
  return pictures;
}

// X, the mean, and where its bar begins and ends.
std::string point(std::string_view x, const Row& row) {
  return fmt::format("{} {} {} {}\n", x, row.mean,
                     std::max(row.mean - row.standard_deviation, row.min),
                     row.mean + row.standard_deviation);
}

std::string lines_over_n(const Picture& picture) {
  std::string data;
  std::string plots;
  for (std::size_t i = 0; i < picture.lines.size(); ++i) {
    data += fmt::format("$line{} << END\n", i);
    for (const Row* row : picture.lines[i].points) data += point(std::to_string(*row->n), *row);
    data += "END\n";
    plots += fmt::format("{}$line{} using 1:2:3:4 with yerrorlines linetype {} title {}",
                         i == 0 ? "plot " : ", ", i, picture.lines[i].type,
                         literal(picture.lines[i].name));
  }
  return data + "set logscale xy\nset key outside\nset format x '%.0s%c'\nset xlabel 'n'\n" +
         fmt::format("set ylabel {}\n{}\n", literal(picture.unit), plots);
}

// Lying, so that there is room for their names.
std::string bars(const Picture& picture) {
  std::string data = "$bars << END\n";
  double most = 0;
  std::size_t count = 0;
  for (const Line& line : picture.lines)
    for (const Row* row : line.points) {
      const std::string n = row->n ? fmt::format(" (n = {})", *row->n) : "";
      data += point(fmt::format("\"{}{}\"", line.name, n), *row);
      most = std::max(most, row->mean + row->standard_deviation);
      ++count;
    }
  return data +
         fmt::format(
             "END\nset xlabel {}\nset xrange [0:{}]\nset yrange [{}.5:-0.5]\n"
             "set style fill solid 0.4\n"
             "plot $bars using ($2/2):0:(0):2:($0-0.3):($0+0.3):ytic(1) with boxxyerror notitle, "
             "$bars using 2:0:3:4 with xerrorbars linetype 2 notitle\n",
             literal(picture.unit), most > 0 ? 1.05 * most : 1.0, count - 1);
}

}  // namespace

std::expected<void, std::string> can_plot(const std::string& file) {
  if (!has_gnuplot())
    return std::unexpected("--plot needs gnuplot; on Debian: apt-get install gnuplot-nox");
  if (!std::ofstream(file, std::ios::app))
    return std::unexpected(fmt::format("--plot: {} cannot be written", file));
  return {};
}

std::string script_of(std::span<const Row> rows, const std::string& file) {
  const std::vector<Picture> pictures = pictures_of(rows);
  std::string script = fmt::format(
      "set terminal svg noenhanced size {},{} background rgb 'white' font 'sans,12'\n"
      "set output {}\nset multiplot layout {},1\n",
      width, height * static_cast<int>(pictures.size()), literal(file), pictures.size());
  for (const Picture& picture : pictures)
    script += fmt::format("reset\nset grid\nset title {}\n{}", literal(picture.group),
                          picture.is_over_n() ? lines_over_n(picture) : bars(picture));
  return script + "unset multiplot\n";
}

std::expected<void, std::string> plot(std::span<const Row> rows, const std::string& file) {
  if (std::ranges::none_of(rows, &Row::is_measured))
    return std::unexpected(fmt::format("nothing was measured, so {} was not drawn", file));
  // -d: as it is by default, not as somebody's ~/.gnuplot has it (gnuplot(1)).
  std::FILE* const gnuplot = ::popen("gnuplot -d", "we");
  if (gnuplot == nullptr) return std::unexpected("gnuplot could not be started");
  fmt::print(gnuplot, "{}", script_of(rows, file));
  if (::pclose(gnuplot) != 0)
    return std::unexpected(fmt::format("gnuplot failed, and {} was not drawn", file));
  return {};
}

}  // namespace tocsin::bench
