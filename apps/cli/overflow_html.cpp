#include "overflow_html.h"

#include <algorithm>
#include <cmath>

#include "units.h"

namespace newbie {

namespace {

constexpr double kProfileWidth = 1000, kProfileHeight = 300, kLeft = 44, kBottom = 34, kTop = 12;
constexpr double kLowest = -24, kHighest = 24;  // log2 of what the profile shows

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  return out;
}

std::string percent(const std::optional<double>& share) {
  if (!share || *share == 0) return "";
  return *share < 0.0001 ? "&lt;0.01 %" : fmt::format("{:.2f} %", 100 * *share);
}

double y_of(double log2) {
  const double at = std::clamp(log2, kLowest, kHighest);
  return kTop + (kHighest - at) / (kHighest - kLowest) * (kProfileHeight - kTop - kBottom);
}

// "layers.7.attention.out" -> "layers.7"; a path without a number: its first word.
std::string block_of(const std::string& path) {
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find_first_of(".:", begin), path.size());
    if (path.find_first_not_of("0123456789", begin) >= end && begin != 0) return path.substr(0, end);
    begin = end + 1;
  }
  return path.substr(0, path.find_first_of(".:"));
}

const char* colour_of(NumericClass c) {
  switch (c) {
    case NumericClass::Residual: return "residual";
    case NumericClass::Matmul:
    case NumericClass::Convolution:
    case NumericClass::Attention: return "matrix";
    case NumericClass::Norm:
    case NumericClass::Softmax: return "norm";
    default: return "other";
  }
}

// The largest magnitude of every value of a part, in the order of the run; values that the cure has changed are drawn
// once more, hollow.
std::string profile(const Study& study, const Study* cured, const std::string& part) {
  std::vector<const ValueRange*> values;
  for (const ValueRange& v : study.plain->values())
    if (v.part == part && v.largest > 0) values.push_back(&v);
  std::string svg = fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-label="largest magnitudes in the {}">)",
                                kProfileWidth, kProfileHeight, part);
  const auto line = [&](double log2, const char* style, const std::string& label) {
    svg += fmt::format(R"(<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" class="{}"/>)", kLeft, kProfileWidth,
                       y_of(log2), y_of(log2), style);
    svg += fmt::format(R"(<text x="{}" y="{:.1f}" class="end">{}</text>)", kLeft - 4, y_of(log2) + 4, label);
  };
  svg += fmt::format(R"(<rect x="{}" y="{}" width="{}" height="{:.1f}" class="beyond"/>)", kLeft, kTop,
                     kProfileWidth - kLeft, y_of(16) - kTop);
  for (const int log2 : {-20, -8, 0, 8}) line(log2, "grid", fmt::format("2<tspan dy=\"-4\">{}</tspan>", log2));
  line(std::log2(largest_of(DType::F16)), "limit", "65504");
  line(-14, "limit", "2<tspan dy=\"-4\">-14</tspan>");

  const auto x_of = [&](size_t i) {
    return kLeft + (static_cast<double>(i) + 0.5) / static_cast<double>(std::max<size_t>(1, values.size())) *
                       (kProfileWidth - kLeft);
  };
  std::string before, marks, hollow;
  double free_from = 0;  // where the next label has room
  for (size_t i = 0; i < values.size(); ++i) {
    const ValueRange& v = *values[i];
    if (const std::string block = block_of(v.path); block != before) {
      before = block;
      svg += fmt::format(R"(<line x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}" class="block"/>)", x_of(i), kTop,
                         kProfileHeight - kBottom);
      const double end = x_of(i) + 6.5 * static_cast<double>(block.size());
      if (x_of(i) >= free_from && end < kProfileWidth) {
        svg +=
            fmt::format(R"(<text x="{:.1f}" y="{}">{}</text>)", x_of(i), kProfileHeight - kBottom + 16, escaped(block));
        free_from = end + 10;
      }
    }
    marks += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3" class="{}"><title>{} ({}): {}</title></circle>)",
                         x_of(i), y_of(std::log2(v.largest)), colour_of(v.numeric_class), escaped(v.name()), v.op,
                         format_number(v.largest));
    const ValueRange* after = cured == nullptr ? nullptr : cured->plain->find(v.name());
    if (after != nullptr && after->largest > 0 && std::abs(std::log2(after->largest / v.largest)) > 0.5)
      hollow +=
          fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3" class="cured"><title>{}, cured: {}</title></circle>)",
                      x_of(i), y_of(std::log2(after->largest)), escaped(v.name()), format_number(after->largest));
  }
  return svg + marks + hollow + "</svg>";
}

std::string row(const std::vector<std::string>& cells) {
  std::string out = "<tr>";
  for (const std::string& cell : cells) out += "<td>" + cell + "</td>";
  return out + "</tr>\n";
}

std::string run_sentence(const Study& study, const OverflowReport& report) {
  std::string out;
  if (const auto& bad = study.first_bad()) {
    const std::string when = moment_text(bad->when, report.prompts.size());
    out = fmt::format("The first to leave the range is <code>{}</code> ({}): {}{}{}{}.", escaped(bad->name()), bad->op,
                      bad->what, when.empty() ? "" : ", ", when, bad->inside ? "; no tensor shows it" : "");
  } else {
    out = "Every value stayed in range.";
  }
  double worst = 1;
  for (const double c : study.cosines()) worst = std::isnan(c) || c < worst ? c : worst;
  out += std::isnan(worst) ? fmt::format(" The {} are not finite.", report.result_name)
                           : fmt::format(" Cosine of the {} to f32: {:.8f}.", report.result_name, worst);
  return out + fmt::format(" {:.2f} % of the multiplications run in f32; {} of memory.",
                           100 * study.f32_flop / std::max(1.0, study.flop), format_bytes(study.drawn.peak_bytes));
}

constexpr const char* kStyle = R"(<style>
:root{--ink:#1d2330;--paper:#fff;--faint:#d9dde5;--bad:#fbe4e1;--line:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ee;--paper:#15181f;--faint:#363c49;--bad:#41201d;--line:#f28b82}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1100px;margin:0 auto;padding:16px}
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}
.scroll{overflow-x:auto}svg{min-width:640px;width:100%;height:auto;display:block}
svg text{font:11px system-ui,sans-serif;fill:var(--ink)}svg .end{text-anchor:end}tspan{font-size:8px}
.grid,.block{stroke:var(--faint)}.limit{stroke:var(--line);stroke-dasharray:5 3}.beyond{fill:var(--bad)}
.residual{fill:#d97706}.matrix{fill:#2563eb}.norm{fill:#059669}.other{fill:#7c8494}
.cured{fill:none;stroke:#9333ea;stroke-width:1.6}
.key span{white-space:nowrap;margin-right:14px}.key svg{min-width:0;width:10px;display:inline-block}
table{border-collapse:collapse;font-size:13px}td,th{text-align:left;padding:2px 12px 2px 0;border-bottom:1px solid var(--faint)}
td.n,th.n{text-align:right}td{white-space:nowrap}code{font-size:.92em;overflow-wrap:anywhere}
</style>)";

}  // namespace

std::string overflow_html(const OverflowReport& report) {
  const Study& s = report.study;
  const size_t prompts = report.prompts.size();
  const Study* cured = report.cure != nullptr && !(report.cure->rescales.empty() && report.cure->rules.empty())
                           ? report.cure->after.get()
                           : nullptr;
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>newbie overflow: {0}</title>\n{1}</head>\n<body>\n"
      "<h1>What leaves the range of {0}</h1>\n<p>{2}</p>\n",
      to_string(s.resolution.preset), kStyle, run_sentence(s, report));

  if (!s.bad_in_f32.empty()) {
    out += "<p>Not finite in f32 either:";
    for (const std::string& name : s.bad_in_f32) out += " <code>" + escaped(name) + "</code>";
    out += "</p>\n";
  }
  for (const auto& [excesses, title] :
       {std::pair(&s.excesses, "Beyond what it keeps"), std::pair(&s.losses, "Below what it keeps")}) {
    if (excesses->empty()) continue;
    const bool small = excesses == &s.losses;
    out += fmt::format(
        "<h2>{}</h2>\n<div class=\"scroll\"><table><tr><th>where</th><th>what</th><th>in f32 at most</th>"
        "<th>limit</th>{}<th>when</th></tr>\n",
        title, small ? "<th>lost to underflow</th>" : "");
    for (const Excess& e : *excesses) {
      const double limit = small ? smallest_normal_of(e.format) : largest_of(e.format);
      std::vector<std::string> cells{"<code>" + escaped(e.name) + "</code>", escaped(what_of(e)),
                                     format_number(e.largest),
                                     fmt::format("{} ({})", format_number(limit), to_string(e.format))};
      if (small) cells.push_back(fmt::format("{:.2g}", e.loss));
      cells.push_back(moment_text(e.when, prompts));
      out += row(cells);
    }
    out += "</table></div>\n";
  }
  if (cured != nullptr) {
    out += "<h2>The cure</h2>\n<p>" + run_sentence(*cured, report) + "</p>\n<div class=\"scroll\"><table>" +
           "<tr><th>path</th><th>change</th><th>why</th></tr>\n";
    for (const Rescale& r : report.cure->rescales)
      out += row({"<code>" + escaped(r.path_glob) + "</code>", fmt::format("times 2<sup>{}</sup>", r.log2),
                  escaped(r.origin)});
    for (const PrecisionRule& r : report.cure->rules) {
      std::string change;
      const auto add = [&](const char* key, std::optional<DType> d) {
        if (d) change += fmt::format("{}{} {}", change.empty() ? "" : ", ", key, to_string(*d));
      };
      add("storage", r.change.storage);
      add("compute", r.change.compute);
      add("accumulate", r.change.accumulate);
      out += row({fmt::format("<code>{}</code> {}", escaped(r.path_glob), r.op), change, escaped(r.origin)});
    }
    out += "</table></div>\n";
  }

  out += "<h2>Profile</h2>\n<p class=\"key\">Largest |x| of every value in f32, in the order of the run.<br>";
  for (const auto& [style, label] :
       {std::pair{"residual", "running sums"}, std::pair{"matrix", "matrices"}, std::pair{"norm", "norms"},
        std::pair{"other", "the rest"}, std::pair{"cured", "with the cure"}})
    if (cured != nullptr || std::string_view(style) != "cured")
      out += fmt::format(
          "<span><svg viewBox=\"0 0 10 10\"><circle cx=\"5\" cy=\"5\" r=\"4\" class=\"{}\"/></svg> {}</span>", style,
          label);
  out += "</p>\n";
  std::vector<std::string> parts;
  for (const ValueRange& v : s.plain->values())
    if (std::ranges::find(parts, v.part) == parts.end()) parts.push_back(v.part);
  for (const std::string& part : parts)
    out += fmt::format("<h3>{}</h3>\n<div class=\"scroll\">{}</div>\n", part, profile(s, cured, part));

  out +=
      "<h2>Every value, and what is inside ops</h2>\n<div class=\"scroll\"><table><tr><th>path</th><th>op</th>"
      "<th>what</th><th class=\"n\">largest</th><th class=\"n\">bits to f16's limit</th><th class=\"n\">to "
      "bf16's</th><th class=\"n\">subnormal in f16</th><th class=\"n\">zero in f16</th><th>when</th></tr>\n";
  for (const RangeLine& l : range_lines(*s.plain)) {
    const auto cell = [](const std::string& text) { return "<td class=\"n\">" + text + "</td>"; };
    const auto bits = [&](DType format) {
      const double left = headroom_bits(l.largest, format);
      return std::isfinite(left) ? fmt::format("{:+.1f}", left) : std::string("");
    };
    out += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td>{}</td>{}{}{}{}{}<td>{}</td></tr>\n",
                       escaped(l.name), l.op, escaped(l.what), cell(format_number(l.largest)), cell(bits(DType::F16)),
                       cell(bits(DType::BF16)), cell(percent(l.subnormal)), cell(percent(l.vanish)),
                       moment_text(l.when, prompts));
  }
  out += "</table></div>\n<h2>Prompts</h2>\n<ol>\n";
  for (const std::string& prompt : report.prompts) out += "<li><code>" + escaped(prompt) + "</code></li>\n";
  return out + "</ol>\n</body></html>\n";
}

}  // namespace newbie
