// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/svg.h"

#include <cmath>
#include <iomanip>
#include <locale>
#include <ostream>
#include <sstream>

namespace lightcard::report::svg {

namespace {

void close(std::ostream& out, const char* element, const std::string& hint)
{
    if (hint.empty())
        out << "/>\n";
    else
        out << "><title>" << escaped(hint) << "</title></" << element << ">\n";
}

}  // namespace

std::string fixed(double value, int decimals)
{
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::fixed << std::setprecision(decimals) << value;
    return text.str();
}

std::string escaped(const std::string& text)
{
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else
            out += c;
    }
    return out;
}

void text(std::ostream& out, double x, double y, const std::string& what, const std::string& style)
{
    out << "<text x=\"" << fixed(x) << "\" y=\"" << fixed(y) << "\" " << style << '>' << escaped(what) << "</text>\n";
}

void line(std::ostream& out, double x1, double y1, double x2, double y2, const std::string& style)
{
    out << "<line x1=\"" << fixed(x1) << "\" y1=\"" << fixed(y1) << "\" x2=\"" << fixed(x2) << "\" y2=\"" << fixed(y2)
        << "\" " << style << "/>\n";
}

void rectangle(std::ostream& out, double x, double y, double width, double height, const std::string& style,
               const std::string& hint)
{
    out << "<rect x=\"" << fixed(x) << "\" y=\"" << fixed(y) << "\" width=\"" << fixed(width) << "\" height=\""
        << fixed(height) << "\" " << style;
    close(out, "rect", hint);
}

void polygon(std::ostream& out, const std::vector<std::pair<double, double>>& points, const std::string& style,
             const std::string& hint)
{
    out << "<polygon points=\"";
    for (const auto& [x, y] : points) out << fixed(x) << ',' << fixed(y) << ' ';
    out << "\" " << style;
    close(out, "polygon", hint);
}

std::vector<double> ticks(double top)
{
    if (!(top > 0) || !std::isfinite(top)) return {0, 1};
    double step = std::pow(10.0, std::floor(std::log10(top)));
    for (const double divisor : {5.0, 2.0, 1.0})
        if (top / (step / divisor) <= 5) {
            step /= divisor;
            break;
        }
    if (top / step > 5) step *= 2;
    std::vector<double> values;
    for (int i = 0; (i - 1) * step < top; ++i) values.push_back(i * step);
    return values;
}

}  // namespace lightcard::report::svg
