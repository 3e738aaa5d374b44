#include "overflow_report.h"

#include <algorithm>
#include <cmath>

#include "units.h"

namespace newbie {

namespace {

double share(uint64_t part, uint64_t all) {
  return all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all);
}

// Six digits, or none where there is nothing: "82765.3", "0".
std::string percent(double value) {
  if (value == 0) return "-";
  return value < 0.0001 ? "<0.01%" : fmt::format("{:.2f}%", 100 * value);
}

std::string bits(double value, DType format) {
  const double left = headroom_bits(value, format);
  return std::isfinite(left) ? fmt::format("{:+.1f}", left) : "-";
}

std::string_view to_string(Excess::Where where) {
  switch (where) {
    case Excess::Where::Stored: return "stored";
    case Excess::Where::Operand: return "operand";
    case Excess::Where::Weight: return "weight";
    case Excess::Where::Inside: return "inside";
  }
  return "?";
}

double worst_cosine(const std::vector<double>& cosines) {
  double worst = 1;
  for (const double c : cosines) worst = std::isnan(c) || c < worst ? c : worst;
  return worst;
}

std::string cosine_text(const Study& study, const std::string& what) {
  const double worst = worst_cosine(study.cosines());
  return std::isnan(worst) ? fmt::format("{}: not finite", what) : fmt::format("{}: cosine to f32 {:.8f}", what, worst);
}

// What a run costs: the share of its matrices that multiply in f32, and its memory.
std::string cost_text(const Study& study, const Study* before) {
  const auto percent_of = [](const Study& s) { return 100 * s.f32_flop / std::max(1.0, s.flop); };
  std::string out = fmt::format("{:.2f} % of the multiplications in f32, {}", percent_of(study),
                                format_bytes(study.drawn.peak_bytes));
  if (before != nullptr)
    out +=
        fmt::format(" (without the cure: {:.2f} %, {})", percent_of(*before), format_bytes(before->drawn.peak_bytes));
  return out + fmt::format("; all in f32: {}", format_bytes(study.exact.peak_bytes));
}

// One table, least headroom first; of values, or of what is inside ops.
std::string table(const char* title, const std::vector<RangeLine>& lines, size_t rows, bool values, size_t prompts) {
  const size_t shown = std::min(rows, lines.size());
  size_t name_width = 8, what_width = 5;
  for (size_t i = 0; i < shown; ++i) {
    name_width = std::max(name_width, lines[i].name.size());
    what_width = std::max(what_width, values ? lines[i].op.size() : lines[i].what.size());
  }
  std::string out =
      fmt::format("\n{}{}\n", title, shown < lines.size() ? fmt::format(" ({} of {})", shown, lines.size()) : "");
  const auto row = [&](const std::string& name, const std::string& what, const std::string& largest,
                       const std::string& f16, const std::string& bf16, const std::string& subnormal,
                       const std::string& zero, const std::string& when) {
    std::string line =
        fmt::format("  {:<{}}  {:<{}}{:>12}{:>8}{:>8}", name, name_width, what, what_width, largest, f16, bf16);
    if (values) line += fmt::format("{:>11}{:>9}", subnormal, zero);
    out += line + (when.empty() ? "" : "  " + when) + '\n';
  };
  row("path", values ? "op" : "what", "largest", "f16", "bf16", "subnormal", "zero", "when");
  for (size_t i = 0; i < shown; ++i) {
    const RangeLine& l = lines[i];
    row(l.name, values ? l.op : l.what, format_number(l.largest), bits(l.largest, DType::F16),
        bits(l.largest, DType::BF16), percent(l.subnormal.value_or(0)), percent(l.vanish.value_or(0)),
        moment_text(l.when, prompts));
  }
  return out;
}

OrderedJson number_or_null(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(); }

OrderedJson moment_json(const Moment& when) { return {{"prompt", when.prompt}, {"evaluation", when.evaluation}}; }

OrderedJson run_json(const Study& study) {
  OrderedJson out{{"finite", study.is_finite()}};
  if (const auto& bad = study.first_bad())
    out["first"] = {{"name", bad->name()},
                    {"op", bad->op},
                    {"what", bad->what},
                    {"inside", bad->inside},
                    {"format", newbie::to_string(bad->format)},
                    {"when", moment_json(bad->when)}};
  OrderedJson cosines = OrderedJson::array();
  for (const double c : study.cosines()) cosines.push_back(number_or_null(c));
  out["cosines"] = cosines;
  out["flop"] = study.flop;
  out["f32_flop"] = study.f32_flop;
  out["peak_bytes"] = study.drawn.peak_bytes;
  return out;
}

OrderedJson excesses_json(const std::vector<Excess>& excesses) {
  OrderedJson out = OrderedJson::array();
  for (const Excess& e : excesses) {
    const bool is_small = e.loss > 0;
    out.push_back({{"name", e.name},
                   {"op", e.op},
                   {"where", to_string(e.where)},
                   {"what", what_of(e)},
                   {"largest", number_or_null(e.largest)},
                   {"format", newbie::to_string(e.format)},
                   {"limit", is_small ? smallest_normal_of(e.format) : largest_of(e.format)},
                   {"when", moment_json(e.when)}});
    if (is_small) out.back()["loss"] = e.loss;
  }
  return out;
}

std::string losses_text(const Study& study, size_t rows) {
  if (study.losses.empty()) return {};
  std::string out =
      fmt::format("\nbelow what {} keeps, by the share that underflow takes:\n", to_string(study.resolution.preset));
  for (size_t i = 0; i < std::min(rows, study.losses.size()); ++i) {
    const Excess& e = study.losses[i];
    out += fmt::format("  {}  {}: {:.2g}; reaches {}, {} has all its digits from {} on\n", e.name, what_of(e), e.loss,
                       format_number(e.largest), to_string(e.format), format_number(smallest_normal_of(e.format)));
  }
  if (study.losses.size() > rows) out += fmt::format("  and {} more\n", study.losses.size() - rows);
  return out;
}

}  // namespace

std::string what_of(const Excess& e) {
  if (e.where == Excess::Where::Inside) return std::string(newbie::to_string(e.kind));
  if (e.where == Excess::Where::Weight) return "weight";
  if (e.where == Excess::Where::Operand) return "read by " + e.reader;
  return "value";
}

std::string moment_text(const Moment& moment, size_t prompts) {
  std::string out;
  if (prompts > 1) out = fmt::format("prompt {}", moment.prompt + 1);
  if (moment.evaluation != 0) out += fmt::format("{}step {}", out.empty() ? "" : ", ", moment.evaluation);
  return out;
}

std::vector<RangeLine> range_lines(const RangeTrace& trace) {
  std::vector<RangeLine> out;
  for (const ValueRange& v : trace.values())
    out.push_back({v.name(), v.op, "value", v.largest, share(v.subnormal, v.count), share(v.vanish, v.count), v.when});
  for (const InsideRange& i : trace.insides())
    out.push_back({i.name(), i.op, std::string(to_string(i.kind)), i.largest, std::nullopt, std::nullopt, i.when});
  std::ranges::stable_sort(out, std::ranges::greater(), &RangeLine::largest);
  return out;
}

std::string overflow_text(const OverflowReport& report, size_t rows) {
  const Study& s = report.study;
  const size_t prompts = report.prompts.size();
  std::string out = fmt::format("{} ({}), {} prompt{}\n", to_string(s.resolution.preset),
                                to_string(s.resolution.policy.dtype), prompts, prompts == 1 ? "" : "s");
  if (!s.bad_in_f32.empty())
    out += fmt::format("not finite in f32 either: {} values, the first is {}\n", s.bad_in_f32.size(),
                       s.bad_in_f32.front());

  std::vector<RangeLine> values = range_lines(*s.plain), insides;
  std::ranges::copy_if(values, std::back_inserter(insides), [](const RangeLine& l) {
    return l.what != "value" && l.what != to_string(InsideKind::Square);  // its sum is larger
  });
  std::erase_if(values, [](const RangeLine& l) { return l.what != "value"; });
  out += table("largest values in f32: bits of headroom, and the share that f16 keeps as subnormals or not at all",
               values, rows, true, prompts);
  out += table("inside ops, where no tensor shows it", insides, rows, false, prompts);

  if (s.excesses.empty()) {
    out += fmt::format("\nnothing is beyond what {} keeps\n", to_string(s.resolution.preset));
  } else {
    out += fmt::format("\nbeyond what {} keeps, in the order of the run:\n", to_string(s.resolution.preset));
    for (size_t i = 0; i < std::min(rows, s.excesses.size()); ++i) {
      const Excess& e = s.excesses[i];
      out += fmt::format("  {}  {}: {}, {} ends at {}{}\n", e.name, what_of(e), format_number(e.largest),
                         to_string(e.format), format_number(largest_of(e.format)),
                         e.where == Excess::Where::Inside ? "; no tensor shows it" : "");
    }
    if (s.excesses.size() > rows) out += fmt::format("  and {} more\n", s.excesses.size() - rows);
  }
  out += losses_text(s, rows);
  if (const auto& bad = s.first_bad()) {
    const std::string when = moment_text(bad->when, prompts);
    const ValueRange* in_f32 = bad->inside ? nullptr : s.plain->find(bad->name());
    out += fmt::format("\nrun: the first to leave the range is {} ({}): {}{}{}{}{}\n", bad->name(), bad->op, bad->what,
                       in_f32 == nullptr ? "" : fmt::format(", in f32 {}", format_number(in_f32->largest)),
                       when.empty() ? "" : ", ", when, bad->inside ? "; no tensor shows it" : "");
  } else {
    out += "\nrun: every value stayed in range\n";
  }
  out += fmt::format("{}; {}\n", cosine_text(s, report.result_name), cost_text(s, nullptr));

  if (report.cure == nullptr) return out;
  const Cure& c = *report.cure;
  if (c.rescales.empty() && c.rules.empty()) return out + "\ncure: nothing to cure, so nothing is written\n";
  out += fmt::format("\ncure: {} rescales, {} rules{}{}\n", c.rescales.size(), c.rules.size(),
                     report.cure_file.empty() ? "" : ": ", report.cure_file);
  for (const Rescale& r : c.rescales) out += fmt::format("  {} times 2^{}: {}\n", r.path_glob, r.log2, r.origin);
  for (const PrecisionRule& r : c.rules) {
    std::string what;
    const auto add = [&](const char* key, std::optional<DType> d) {
      if (d) what += fmt::format(" {} {}", key, to_string(*d));
    };
    add("storage", r.change.storage);
    add("compute", r.change.compute);
    add("accumulate", r.change.accumulate);
    out += fmt::format("  {} ({}){}: {}\n", r.path_glob, r.op, what, r.origin);
  }
  out += c.works() ? "run with it: every value stayed in range\n"
                   : fmt::format("run with it: {} is still out of range, so nothing is written\n", c.left.front());
  out += fmt::format("{}; {}\n", cosine_text(*c.after, report.result_name), cost_text(*c.after, &s));
  return out;
}

OrderedJson overflow_json(const OverflowReport& report) {
  const Study& s = report.study;
  OrderedJson out;
  out["precision"] = {{"preset", to_string(s.resolution.preset)},
                      {"dtype", to_string(s.resolution.policy.dtype)},
                      {"hash", s.resolution.policy.hash()},
                      {"reasons", s.resolution.reasons}};
  out["prompts"] = report.prompts;
  out["result"] = report.result_name;
  OrderedJson values = OrderedJson::array(), insides = OrderedJson::array();
  for (const ValueRange& v : s.plain->values())
    values.push_back({{"name", v.name()},
                      {"op", v.op},
                      {"class", to_string(v.numeric_class)},
                      {"largest", v.largest},
                      {"f16_headroom_bits", number_or_null(headroom_bits(v.largest, DType::F16))},
                      {"bf16_headroom_bits", number_or_null(headroom_bits(v.largest, DType::BF16))},
                      {"f16_subnormal_share", share(v.subnormal, v.count)},
                      {"f16_zero_share", share(v.vanish, v.count)},
                      {"not_finite", v.not_finite},
                      {"count", v.count},
                      {"when", moment_json(v.when)}});
  for (const InsideRange& i : s.plain->insides())
    insides.push_back({{"name", i.name()},
                       {"op", i.op},
                       {"kind", to_string(i.kind)},
                       {"of", i.part + '.' + i.operand},
                       {"largest", i.largest},
                       {"f16_headroom_bits", number_or_null(headroom_bits(i.largest, DType::F16))},
                       {"when", moment_json(i.when)}});
  out["values"] = values;
  out["inside"] = insides;
  out["not_finite_in_f32"] = s.bad_in_f32;
  out["beyond"] = excesses_json(s.excesses);
  out["below"] = excesses_json(s.losses);
  out["run"] = run_json(s);
  out["f32_peak_bytes"] = s.exact.peak_bytes;
  if (report.cure == nullptr) return out;
  const Cure& c = *report.cure;
  OrderedJson rescales = OrderedJson::array(), rules = OrderedJson::array();
  for (const Rescale& r : c.rescales) rescales.push_back({{"path", r.path_glob}, {"log2", r.log2}, {"why", r.origin}});
  for (const PrecisionRule& r : c.rules) {
    OrderedJson rule{{"path", r.path_glob}, {"op", r.op}, {"why", r.origin}};
    if (r.change.storage) rule["storage"] = to_string(*r.change.storage);
    if (r.change.compute) rule["compute"] = to_string(*r.change.compute);
    if (r.change.accumulate) rule["accumulate"] = to_string(*r.change.accumulate);
    rules.push_back(rule);
  }
  out["cure"] = {{"file", report.cure_file}, {"works", c.works()}, {"left", c.left},
                 {"rescales", rescales},     {"rules", rules},     {"run", run_json(*c.after)}};
  return out;
}

}  // namespace newbie
