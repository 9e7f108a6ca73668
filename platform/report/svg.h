// SPDX-License-Identifier: Apache-2.0
/// The few SVG elements that plots are made of. Text is escaped, numbers are written alike in every locale.
#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace lightcard::report::svg {

/// "12.50": `decimals` digits behind the point.
std::string fixed(double value, int decimals = 1);
/// For text between tags and in quoted attributes, of SVG and HTML.
std::string escaped(const std::string& text);

/// `style`: further attributes, as written.
void text(std::ostream& out, double x, double y, const std::string& what, const std::string& style = "");
void line(std::ostream& out, double x1, double y1, double x2, double y2, const std::string& style);
/// `hint` is shown when the pointer rests on it.
void rectangle(std::ostream& out, double x, double y, double width, double height, const std::string& style,
               const std::string& hint = "");
void polygon(std::ostream& out, const std::vector<std::pair<double, double>>& points, const std::string& style,
             const std::string& hint = "");

/// Round values from 0 to at least `top`, three to six of them: 0, 50, 100, 150.
std::vector<double> ticks(double top);

}  // namespace lightcard::report::svg
