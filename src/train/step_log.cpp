#include "train/step_log.h"

#include <cmath>
#include <limits>

#include "core/append_file.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/lines.h"

namespace newbie {

namespace {

constexpr size_t kMostLogBytes = size_t{1} << 30;

OrderedJson finite(double x) { return std::isfinite(x) ? OrderedJson(x) : OrderedJson(std::isnan(x) ? "nan" : "inf"); }

OrderedJson finite(const std::vector<double>& list) {
  OrderedJson out = OrderedJson::array();
  for (const double x : list) out.push_back(finite(x));
  return out;
}

// Whole lines that are ours; one at the end that was not finished is none.
void each_line(std::string_view text, const auto& take) {
  for_each_line(text.substr(0, text.rfind('\n') + 1), [&](std::string_view line, size_t /*number*/) {
    try {
      take(line, parse_json(line, kStepLogName));
    } catch (const std::exception&) {  // not ours
    }
  });
}

double number(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& one : list) out.push_back(number(one));
  return out;
}

}  // namespace

void StepLog::begin(int64_t step) {
  events_.begin(step);
  std::error_code error;
  if (!std::filesystem::is_regular_file(path_, error)) return;
  const std::string text = read_file(path_, kMostLogBytes);
  std::string kept;
  each_line(text, [&](std::string_view line, const Json& row) {
    if (row.at("step").get<int64_t>() <= step) kept.append(line) += '\n';
  });
  if (kept != text) write_file_atomically(path_, kept);
}

void StepLog::add(const StepRow& row, const Dataset& dataset, const std::vector<size_t>& examples) {
  OrderedJson names = OrderedJson::array();
  for (const size_t i : examples) names.push_back(dataset.examples[i].name);
  const OrderedJson line{{"step", row.step},
                         {"epoch", row.epoch},
                         {"loss", finite(row.loss)},
                         {"smoothed_loss", finite(row.smoothed_loss)},
                         {"lr", row.outcome.lr},
                         {"norm", finite(row.outcome.norm)},
                         {"scale", row.outcome.scale},
                         {"taken", row.outcome.taken},
                         {"examples", names},
                         {"times", row.times},
                         {"losses", finite(row.losses)},
                         {"seconds", row.seconds},
                         {"memory_bytes", row.resident_bytes}};
  append_to_file(path_, line.dump() + '\n');
  const EventFile::Scalar scalars[] = {{"loss/step", row.loss},
                                       {"loss/smoothed", row.smoothed_loss},
                                       {"lr", row.outcome.lr},
                                       {"gradients/norm", row.outcome.norm},
                                       {"gradients/scale", static_cast<double>(row.outcome.scale)},
                                       {"gradients/skipped", row.outcome.taken ? 0.0 : 1.0},
                                       {"machine/seconds_per_step", row.seconds},
                                       {"machine/memory_gib", static_cast<double>(row.resident_bytes) * 0x1p-30}};
  events_.add(row.step, scalars);
}

void StepLog::add_validation(int64_t step, double loss) {
  append_to_file(path_, OrderedJson{{"step", step}, {"validation_loss", finite(loss)}}.dump() + '\n');
  const EventFile::Scalar scalar{"loss/validation", loss};
  events_.add(step, {&scalar, 1});
}

LoggedRun read_step_log(const std::filesystem::path& output) {
  LoggedRun out;
  each_line(read_file(output / kStepLogName, kMostLogBytes), [&](std::string_view, const Json& row) {
    const auto step = row.at("step").get<int64_t>();
    if (const auto validation = row.find("validation_loss"); validation != row.end()) {
      out.validation.emplace_back(step, number(*validation));
      return;
    }
    out.steps.push_back({.step = step,
                         .loss = number(row.at("loss")),
                         .smoothed_loss = number(row.at("smoothed_loss")),
                         .lr = number(row.at("lr")),
                         .norm = number(row.at("norm")),
                         .scale = number(row.at("scale")),
                         .seconds = number(row.at("seconds")),
                         .taken = row.at("taken").get<bool>(),
                         .times = numbers(row.at("times")),
                         .losses = numbers(row.at("losses")),
                         .resident_bytes = row.at("memory_bytes").get<size_t>()});
  });
  return out;
}

}  // namespace newbie
