#include "train_check.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "image/resize.h"
#include "rate_cache.h"
#include "report/html.h"
#include "units.h"

namespace newbie {

namespace {

constexpr int kThumbSide = 112;  // pixels of the shorter side

std::vector<size_t> bucket_counts(const Dataset& dataset) {
  std::vector<size_t> out(dataset.buckets.size());
  for (const Example& e : dataset.examples) ++out[e.bucket];
  return out;
}

std::string troubles(const TrainPlan& plan) {
  std::string out;
  for (const Features::Lost& lost : plan.lost)
    out += fmt::format("  {}: {} tokens are lost to {}: \"{}\"\n", lost.name, lost.tokens, lost.encoder, lost.words);
  for (const std::string& name : plan.dataset.without_caption) out += fmt::format("  {}: no caption\n", name);
  for (const auto& names : plan.dataset.equal) out += fmt::format("  equal pictures: {}\n", fmt::join(names, ", "));
  for (const auto& trouble : plan.dataset.broken)
    out += fmt::format("  left out: {}: {}\n", trouble.name, trouble.what);
  return out;
}

std::string trained_text(const TrainOptions& o, const TrainPlan& plan) {
  std::string out = fmt::format("{}: {} numbers", to_string(o.adapter.kind), plan.parameters);
  if (!plan.adapter.modules.empty()) out += fmt::format(" beside {} matrices", plan.adapter.modules.size());
  return out;
}

std::string thumbnail(const Example& e, PictureSize bucket) {
  try {
    return inline_picture(resize_shorter_side(trained_picture(e, bucket), kThumbSide), e.name);
  } catch (const Error& error) {
    return escape_html(error.message());
  }
}

}  // namespace

double training_seconds(const TrainOptions& o, const TrainPlan& plan) {
  if (plan.steps_per_epoch == 0) return 0;
  const MachineRates machine = machine_rates(*make_cpu_backend(), o.threads, false);
  const auto rate = std::ranges::find(machine.rates, plan.dtype, &DTypeRate::dtype);
  if (rate == machine.rates.end() || !(rate->gflops > 0)) return 0;
  const double epochs = static_cast<double>(plan.steps) / static_cast<double>(plan.steps_per_epoch);
  return plan.flop_per_epoch * epochs / (rate->gflops * 1e9);
}

std::string train_plan_text(const TrainOptions& o, const TrainPlan& plan, double seconds) {
  std::string out =
      fmt::format("{} pictures, {} samples an epoch\n", plan.dataset.examples.size(), plan.dataset.samples());
  const std::vector<size_t> counts = bucket_counts(plan.dataset);
  for (size_t b = 0; b < counts.size(); ++b)
    if (counts[b] != 0)
      out += fmt::format("  {:>5} x {:<5} {:>6} pictures\n", plan.dataset.buckets[b].width,
                         plan.dataset.buckets[b].height, counts[b]);
  const auto [least, most] = std::minmax_element(plan.tokens.begin(), plan.tokens.end());
  out += fmt::format("captions of {} to {} tokens\n", *least, *most);
  out += troubles(plan);
  out += trained_text(o, plan) + "\n";
  for (const auto& [pattern, count] : plan.adapter.by_pattern) out += fmt::format("  {:<32} {:>5}\n", pattern, count);
  for (const std::string& reason : plan.reasons) out += reason + "\n";
  out += fmt::format("{} steps, {} an epoch\n", plan.steps, plan.steps_per_epoch);
  out += fmt::format("{:<28}{:>12}\n{:<28}{:>12}\n{:<28}{:>12}\n{:<28}{:>12}\n", "weights",
                     format_bytes(plan.weight_bytes), "a sample, there and back", format_bytes(plan.arena_bytes),
                     "parameters and states", format_bytes(plan.state_bytes), "together", format_bytes(plan.bytes()));
  if (plan.base == LossNetwork::Base::WayThere)
    out += "the way back reads the model's weights from the file, to fit\n";
  else if (plan.base == LossNetwork::Base::Nowhere)
    out += "weights of the model are prepared anew for every step, to fit\n";
  if (seconds > 0)
    out += fmt::format("{:<28}{:>12}  (arithmetic alone, at the measured rate of matrix products)\n", "time at least",
                       format_duration(seconds));
  return out;
}

std::string train_check_page(const TrainOptions& o, const TrainPlan& plan, double seconds) {
  HtmlPage page("What " + o.name + " is trained on");
  const Dataset& d = plan.dataset;
  const std::string trouble = troubles(plan);
  if (trouble.empty())
    page.remark(Mark::Good, "Nothing is wrong.",
                "All pictures can be read, all words fit, and no picture is there twice.");
  else
    page.remark(Mark::Bad, "To look at:", "pictures and captions that are not what they seem; below.");
  HtmlTable facts{.columns = {"", ""}};
  const auto row = [&](std::string name, std::string value, std::string note = {}) {
    facts.rows.push_back({{.text = std::move(name)}, {.text = std::move(value), .note = std::move(note)}});
  };
  row("pictures", std::to_string(d.examples.size()), fmt::format("{} samples an epoch", d.samples()));
  row("trained", trained_text(o, plan));
  row("steps", std::to_string(plan.steps), fmt::format("{} an epoch", plan.steps_per_epoch));
  row("memory", format_bytes(plan.bytes()),
      fmt::format("weights {}, a sample {}, parameters and states {}", format_bytes(plan.weight_bytes),
                  format_bytes(plan.arena_bytes), format_bytes(plan.state_bytes)));
  if (seconds > 0) row("time at least", format_duration(seconds), "arithmetic alone");
  page.table(facts);
  if (!trouble.empty()) page.code(trouble);
  HtmlTable buckets{.columns = {"size", "pictures"}};
  const std::vector<size_t> counts = bucket_counts(d);
  for (size_t b = 0; b < counts.size(); ++b)
    if (counts[b] != 0)
      buckets.rows.push_back({{.text = fmt::format("{} × {}", d.buckets[b].width, d.buckets[b].height)},
                              {.text = std::to_string(counts[b])}});
  page.section("Sizes");
  page.table(buckets);
  page.section("Contact sheet");
  page.paragraph("As the network will see them: brought to size, cut in the middle, on white.");
  if (d.examples.size() > kMostSheetPictures)
    page.paragraph(fmt::format("The first {} of {}.", kMostSheetPictures, d.examples.size()));
  page.html("<div class=\"sheet\">");
  for (size_t i = 0; i < std::min(d.examples.size(), kMostSheetPictures); ++i) {
    const Example& e = d.examples[i];
    const PictureSize s = d.buckets[e.bucket];
    const std::string repeats = e.repeats > 1 ? fmt::format(", {} times", e.repeats) : std::string();
    page.figure(e.name, thumbnail(e, s),
                fmt::format("{} × {} of {} × {}, {} tokens{}: {}", s.width, s.height, e.width, e.height, plan.tokens[i],
                            repeats, e.caption.empty() ? "no caption" : e.caption));
  }
  page.html("</div>\n");
  return page.str();
}

}  // namespace newbie
