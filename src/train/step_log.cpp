#include "train/step_log.h"

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace newbie {

namespace {

constexpr size_t kMostLogBytes = size_t{1} << 30;

OrderedJson finite(double x) { return std::isfinite(x) ? OrderedJson(x) : OrderedJson(std::isnan(x) ? "nan" : "inf"); }

}  // namespace

void StepLog::keep_until(int64_t step) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path_, error)) return;
  const std::string text = read_file(path_, kMostLogBytes);
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // a line that was not finished
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    try {
      if (parse_json(line, path_.string()).at("step").get<int64_t>() <= step) kept += line + '\n';
    } catch (const std::exception&) {
      continue;  // not one of ours
    }
  }
  if (kept != text) write_file_atomically(path_, kept);
}

void StepLog::add(const StepRow& row, const Dataset& dataset, const std::vector<size_t>& examples) {
  OrderedJson names = OrderedJson::array();
  for (const size_t i : examples) names.push_back(dataset.examples[i].name);
  append(OrderedJson{{"step", row.step},
                     {"epoch", row.epoch},
                     {"loss", finite(row.loss)},
                     {"smoothed_loss", finite(row.smoothed_loss)},
                     {"lr", row.outcome.lr},
                     {"norm", finite(row.outcome.norm)},
                     {"scale", row.outcome.scale},
                     {"taken", row.outcome.taken},
                     {"seconds", row.seconds},
                     {"examples", names}}
             .dump());
}

void StepLog::add_validation(int64_t step, double loss) {
  append(OrderedJson{{"step", step}, {"validation_loss", finite(loss)}}.dump());
}

// Lines are for reading along: one that is lost when the machine stops is written again after resuming.
void StepLog::append(const std::string& line) {
  std::ofstream file(path_, std::ios::app);
  file << line << '\n';
  if (!file.flush()) fail(ErrorKind::BadFile, "{}: it cannot be written", path_.string());
}

}  // namespace newbie
