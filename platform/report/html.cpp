// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/html.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <sstream>

#include "lightcard/platform/report/html_plots.h"
#include "lightcard/platform/report/svg.h"
#include "lightcard/platform/report/text.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::report {

namespace {

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5d6b7c;--rule:#d9dfe6;--page:#fff;--card:#f5f7fa;--track:#eceff3;--mark:#fff4d6}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9ef;--soft:#9aa7b5;--rule:#36404c;--page:#161b21;--card:#1f262e;--track:#262e37;--mark:#3b331c}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:1000px;margin:2em auto;padding:0 1.2em}
h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:2.2em 0 .5em;border-bottom:1px solid var(--rule);padding-bottom:.2em}
p.sub{color:var(--soft);margin:.2em 0 1.2em}p.limit{background:var(--mark);border-radius:6px;padding:.7em 1em;margin:.8em 0}
p.legend{font-size:.8em;color:var(--soft);margin:.2em 0}p.legend span{white-space:nowrap;margin-right:1em}
p.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.35em;vertical-align:-.05em}
p.note{font-size:.9em;color:var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:.7em}
.figures div{background:var(--card);border-radius:6px;padding:.6em .9em}
.figures b{display:block;font-size:1.25em}.figures span{font-size:.8em;color:var(--soft);display:block}
svg{width:100%;height:auto;font-size:12px;display:block}svg text{fill:var(--ink)}svg text.head{fill:var(--soft)}
.grid{stroke:var(--rule)}.axis{stroke:var(--soft)}.track{fill:var(--track)}.setup{fill:var(--track)}
table{border-collapse:collapse;font-size:.88em;width:100%}th{text-align:left;color:var(--soft);font-weight:normal}
td,th{padding:.2em .8em .2em 0;border-bottom:1px solid var(--rule);vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}
details{margin:.8em 0}summary{cursor:pointer;color:var(--soft)}code{font-size:.92em}
)css";

using svg::escaped;

std::string share_of(std::uint64_t part, std::uint64_t whole)
{
    return percent(static_cast<double>(part) / static_cast<double>(whole));
}

void figure(std::ostream& out, const std::string& value, const std::string& what, const std::string& more = "")
{
    out << "<div><b>" << escaped(value) << "</b><span>" << escaped(what) << "</span>";
    if (!more.empty()) out << "<span>" << escaped(more) << "</span>";
    out << "</div>\n";
}

void accuracy_figures(std::ostream& out, const Report& r)
{
    if (!r.summary.accuracy) return;
    const auto& a = *r.summary.accuracy;
    if (a.labelled > 0)
        figure(out, share_of(a.top1, a.labelled), "top-1 on " + grouped(a.labelled) + " labels",
               a.reference_top1 ? "fp32 " + share_of(*a.reference_top1, a.labelled) : "");
    for (const auto& g : a.agreements)
        figure(out, grouped(g.same_top1) + " of " + grouped(g.images), "same top-1 as " + g.reference,
               g.differing == 0 ? "every output equal bit for bit" : "correlation " + svg::fixed(g.correlation, 4));
}

void figures(std::ostream& out, const Report& r)
{
    const auto& phase = r.inference();
    const double joules = phase.energy.joules(Scope::card);
    out << "<div class=\"figures\">\n";
    accuracy_figures(out, r);
    if (r.latency.batches > 0) {
        figure(out, seconds_text(r.latency.steady_per_image * 1e-12), "an image, steady",
               "first batch " + duration(r.latency.first));
        figure(out, grouped(r.throughput.images_per_second, r.throughput.images_per_second < 100 ? 1 : 0), "images/s",
               "batches of " + grouped(std::uint64_t{r.summary.batch}));
    }
    if (r.summary.images > 0)
        figure(out, si(joules / static_cast<double>(r.summary.images), "J"), "an image, whole card",
               "set-up " + si(r.phases.front().energy.joules(Scope::card), "J"));
    if (phase.seconds() > 0)
        figure(out, si(joules / phase.seconds(), "W"), "mean power of the card",
               "without laser " + si(phase.energy.joules(Scope::card, false) / phase.seconds(), "W"));
    const double peak = r.throughput.peak_tops;
    figure(out, si(r.throughput.tile_tops * 1e12, "OP/s"), "of " + grouped(peak, 1) + " TOPS peak",
           percent(peak > 0 ? r.throughput.tile_tops / peak : 0) + ", tile padding included");
    figure(out, r.weights.life_seconds ? seconds_text(*r.weights.life_seconds) : "no wear", "until a row is worn out",
           grouped(r.weights.max_wear) + " of " + grouped(r.weights.endurance) + " cycles");
    out << "</div>\n";
}

void energy_table(std::ostream& out, const Report& r)
{
    const auto& phase = r.inference();
    const double total = phase.energy.joules(Scope::card);
    std::vector<std::pair<double, const Ledger::Account*>> rows;
    for (std::size_t i = 0; i < r.accounts.size(); ++i) {
        const double joules = static_cast<double>(phase.counts[i]) * r.accounts[i].spec.joules_per_count;
        if (joules > 0) rows.emplace_back(joules, &r.accounts[i]);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    out << "<table><tr><th>component</th><th>category</th><th class=\"n\">energy</th><th class=\"n\">mean power</th>"
           "<th class=\"n\">share</th><th>set by</th></tr>\n";
    const auto row = [&](const std::string& path, const std::string& category, double joules,
                         const std::string& set_by) {
        out << "<tr><td>" << escaped(path) << "</td><td>" << escaped(category) << "</td><td class=\"n\">"
            << si(joules, "J") << "</td><td class=\"n\">"
            << (phase.seconds() > 0 ? si(joules / phase.seconds(), "W") : "-") << "</td><td class=\"n\">"
            << escaped(percent(total > 0 ? joules / total : 0)) << "</td><td><code>" << escaped(set_by)
            << "</code></td></tr>\n";
    };
    for (const auto& [joules, account] : rows)
        row(account->spec.path, to_string(account->spec.category), joules, account->spec.parameter);
    const double loss = phase.energy.joules(Category::conversion_loss);
    if (loss > 0) row("voltage regulators", to_string(Category::conversion_loss), loss, "card.power.vrm_efficiency");
    out << "</table>\n";
}

void loss_table(std::ostream& out, const Report& r)
{
    constexpr std::size_t kShown = 10;
    if (r.losses.empty()) return;
    out << "<h2>Where accuracy goes</h2>\n<p class=\"note\">Error of a product relative to its signal, and the shares "
           "of its variance. The worst "
        << std::min(kShown, r.losses.size()) << " of " << r.losses.size()
        << ".</p>\n<table><tr><th>product</th><th class=\"n\">error</th><th class=\"n\">quantisation</th>"
           "<th class=\"n\">weights</th><th class=\"n\">noise</th><th class=\"n\">clipping</th></tr>\n";
    for (std::size_t i = 0; i < std::min(kShown, r.losses.size()); ++i) {
        const auto& loss = r.losses[i];
        out << "<tr><td>" << escaped(loss.name) << "</td><td class=\"n\">" << svg::fixed(10 * std::log10(loss.total()))
            << " dB</td>";
        for (const double part : {loss.quantisation, loss.weights, loss.noise, loss.clipping})
            out << "<td class=\"n\">" << escaped(percent(part / loss.total())) << "</td>";
        out << "</tr>\n";
    }
    out << "</table>\n";
}

void list(std::ostream& out, const char* title, const std::vector<std::string>& lines)
{
    if (lines.empty()) return;
    out << "<details><summary>" << title << " (" << lines.size() << ")</summary><ul>\n";
    for (const auto& line : lines) out << "<li>" << escaped(line) << "</li>\n";
    out << "</ul></details>\n";
}

void configuration(std::ostream& out, const Report& r)
{
    out << "<details><summary>Every parameter (" << r.config.resolved.size() << ")</summary><table>\n";
    for (const auto& entry : r.config.resolved)
        out << "<tr><td><code>" << escaped(entry.path) << "</code></td><td>" << escaped(entry.value) << "</td></tr>\n";
    out << "</table></details>\n";
}

void as_text(std::ostream& out, const Report& r)
{
    std::ostringstream text;
    write_text(text, r);
    out << "<details><summary>The same as text</summary><pre style=\"overflow:auto;font-size:.8em\">"
        << escaped(text.str()) << "</pre></details>\n";
}

}  // namespace

void write_html(std::ostream& out, const Report& r)
{
    const std::string title = r.summary.network + " on " + r.config.name;
    out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>"
        << escaped(title) << "</title><style>" << kStyle << "</style></head><body>\n<h1>" << escaped(title) << "</h1>\n"
        << "<p class=\"sub\">" << grouped(r.summary.images) << (r.summary.images == 1 ? " image" : " images")
        << ", seed " << r.config.run.seed << ", configuration <code>" << escaped(r.config.hash) << "</code>";
    if (!r.config.note.empty()) out << "<br>" << escaped(r.config.note);
    out << "</p>\n";
    figures(out, r);
    out << "<p class=\"limit\">" << escaped(r.limit.sentence) << "</p>\n";
    if (!r.limit.noise_sentence.empty()) out << "<p class=\"limit\">" << escaped(r.limit.noise_sentence) << "</p>\n";
    if (!r.limit.loss_sentence.empty()) out << "<p class=\"limit\">" << escaped(r.limit.loss_sentence) << "</p>\n";
    for (const auto& line : r.limit.tried) out << "<p class=\"limit\">Tried " << escaped(line) << "</p>\n";
    for (const auto& note : r.summary.notes) out << "<p class=\"note\">Note: " << escaped(note) << "</p>\n";
    out << "<h2>Power over time</h2>\n";
    plot_power(out, r);
    out << "<h2>Energy of the inference phase</h2>\n";
    energy_table(out, r);
    out << "<h2>Engines during inference</h2>\n";
    plot_engines(out, r);
    if (has_errors(r)) {
        out << "<h2>Where each layer's error comes from</h2>\n<p class=\"note\">Length: error relative to the layer's "
               "signal, rms. Colours: share of the error's variance by source.</p>\n";
        plot_errors(out, r);
    }
    loss_table(out, r);
    if (!r.summary.layers.empty()) {
        out << "<h2>Layers</h2>\n";
        plot_layers(out, r);
    }
    out << "<h2>Details</h2>\n";
    list(out, "The plan", r.summary.plan);
    as_text(out, r);
    configuration(out, r);
    out << "</body></html>\n";
}

}  // namespace lightcard::report
