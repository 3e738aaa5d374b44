#include "evaluate/table_check.h"

#include <fmt/format.h>

#include <cmath>

namespace newbie {

namespace {

std::string gigabytes(double bytes) {
  if (bytes < 1e8) return fmt::format("{:.2f} MB", bytes / 1e6);
  return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string operations_in_words(double operations) {
  if (operations >= 1e15) return fmt::format("{:.2f} PFLOP", operations / 1e15);
  if (operations >= 1e12) return fmt::format("{:.2f} TFLOP", operations / 1e12);
  return fmt::format("{:.2f} GFLOP", operations / 1e9);
}

std::string seconds_in_words(double seconds) {
  return seconds >= 10 ? fmt::format("{:.1f} s", seconds) : fmt::format("{:.3g} s", seconds);
}

constexpr double kFewest = 10;  // pictures that a bootstrap interval needs

class Checker {
 public:
  explicit Checker(const ComparedTable& table) : table_(table) {}

  std::vector<TableFinding> run() {
    for (const ComparedRow& row : table_.rows) {
      check_memory(row);
      check_time(row);
      check_success(row);
    }
    check_memory_differences();
    check_scores("FID", &ComparedRow::fid);
    check_scores("KID", &ComparedRow::kid);
    check_scores("CLIP score", &ComparedRow::clip_score);
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void find(Verdict verdict, const std::string& row, const char* quantity, fmt::format_string<Args...> words,
            Args&&... args) {
    findings_.push_back({verdict, row, quantity, fmt::format(words, std::forward<Args>(args)...)});
  }

  void check_memory(const ComparedRow& row) {
    if (!row.memory_bytes || !row.weights_bytes || *row.memory_bytes >= *row.weights_bytes) return;
    find(Verdict::Impossible, row.name, "memory",
         "{} at the peak is less than the {} of weights with all parts resident: parts were freed, or it is no peak",
         gigabytes(*row.memory_bytes), gigabytes(*row.weights_bytes));
  }

  // Weights of two widths differ by what they differ by, whatever else is in memory.
  void check_memory_differences() {
    if (table_.rows.empty()) return;
    const ComparedRow& first = table_.rows.front();
    for (const ComparedRow& row : table_.rows) {
      if (!first.holds_own_dtype || !row.holds_own_dtype || !first.memory_bytes || !row.memory_bytes) continue;
      const double weights = *first.weights_bytes - *row.weights_bytes,
                   memory = *first.memory_bytes - *row.memory_bytes;
      if (weights <= 0 || memory >= weights / 2) continue;
      find(Verdict::Contradiction, first.name + " and " + row.name, "memory",
           "the weights differ by {}, the peaks by {}: not both rows hold the weights in their own dtype",
           gigabytes(weights), gigabytes(memory));
    }
  }

  void check_time(const ComparedRow& row) {
    if (!row.seconds || !table_.operations) return;
    const auto peak = table_.peak_operations.find(row.arithmetic);
    if (peak == table_.peak_operations.end() || !(peak->second > 0))
      return find(Verdict::Missing, row.name, "time", "no peak rate of {} is given for {}",
                  row.arithmetic.empty() ? "its arithmetic" : row.arithmetic, table_.device);
    const double least = *table_.operations / peak->second;
    if (*row.seconds >= least) return;
    std::string others;
    for (const auto& [name, rate] : table_.peak_operations)
      if (rate > peak->second && *row.seconds >= *table_.operations / rate)
        others += fmt::format("; {} would do ({} TFLOP/s, {} at least)", name, std::round(rate / 1e11) / 10,
                              seconds_in_words(*table_.operations / rate));
    find(Verdict::Impossible, row.name, "time", "{} ({}) at the {} peak of {} TFLOP/s take {} at least, not {}{}",
         operations_in_words(*table_.operations), table_.work, row.arithmetic, std::round(peak->second / 1e11) / 10,
         seconds_in_words(least), seconds_in_words(*row.seconds), others);
  }

  void check_success(const ComparedRow& row) {
    if (row.succeeded) return;
    if (row.fid || row.clip_score)
      find(Verdict::Contradiction, row.name, "success",
           "it failed{}{}, and yet has scores: of which pictures is not said", row.failure.empty() ? "" : ": ",
           row.failure);
    const bool of_memory = row.failure.find("out of memory") != std::string::npos;
    if (of_memory && row.memory_bytes && table_.device_memory_bytes && *row.memory_bytes < *table_.device_memory_bytes)
      find(Verdict::Contradiction, row.name, "success",
           "\"out of memory\" at {} on a device with {}: values beyond the format's range are another failure",
           gigabytes(*row.memory_bytes), gigabytes(*table_.device_memory_bytes));
  }

  void check_scores(const char* quantity, std::optional<ComparedScore> ComparedRow::*score) {
    std::string without_n, without_kind, too_few;
    const auto add = [](std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; };
    for (const ComparedRow& row : table_.rows) {
      const std::optional<ComparedScore>& s = row.*score;
      if (!s) continue;
      if (!s->n) add(without_n, row.name);
      if (is_too_few(*s)) add(too_few, row.name);
      if (s->kind.empty()) add(without_kind, row.name);
    }
    if (!without_n.empty())
      find(Verdict::Missing, without_n, quantity,
           "no number of pictures is given, and no interval can be had without it");
    if (!without_kind.empty())
      find(Verdict::Missing, without_kind, quantity,
           "which network or variant it is of is not said: values of different ones are not comparable");
    if (!too_few.empty())
      find(Verdict::Missing, too_few, quantity, "fewer than {} pictures: too few for an interval that means anything",
           kFewest);
    if (table_.rows.empty() || !(table_.rows.front().*score)) return;
    const ComparedRow& first = table_.rows.front();
    for (const ComparedRow& row : table_.rows) {
      if (&row == &first || !(row.*score) || is_too_few(*(row.*score)) || is_too_few(*(first.*score))) continue;
      check_difference(quantity, first, *(first.*score), row, *(row.*score));
    }
  }

  static bool is_too_few(const ComparedScore& score) { return score.n && *score.n < kFewest; }

  void check_difference(const char* quantity, const ComparedRow& first, const ComparedScore& a, const ComparedRow& row,
                        const ComparedScore& b) {
    const std::string rows = first.name + " and " + row.name;
    const double difference = b.value - a.value;
    const std::string beside =
        b.split_half ? fmt::format(" (two halves of one set differ by {:.3g})", *b.split_half) : std::string();
    if (b.difference) {
      const bool sure = !b.difference->contains(0);
      return find(sure ? Verdict::Difference : Verdict::NoEvidence, rows, quantity,
                  "{:+.4g}, paired 95 % {:+.4g} to {:+.4g}: {}{}", difference, b.difference->low, b.difference->high,
                  sure ? "the interval excludes 0" : "no evidence of a difference", beside);
    }
    if (a.interval && b.interval) {
      const bool apart = a.interval->high < b.interval->low || b.interval->high < a.interval->low;
      return find(apart ? Verdict::Difference : Verdict::NoEvidence, rows, quantity, "{:+.4g}, {}{}", difference,
                  apart ? "the intervals do not overlap" : "the intervals overlap: no evidence of a difference",
                  beside);
    }
    find(Verdict::NoEvidence, rows, quantity,
         "{:+.4g} without an interval: no evidence of a difference, nor of there being none", difference);
  }

  const ComparedTable& table_;
  std::vector<TableFinding> findings_;
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::Impossible: return "impossible";
    case Verdict::Contradiction: return "contradiction";
    case Verdict::NoEvidence: return "no evidence";
    case Verdict::Difference: return "difference";
    case Verdict::Missing: return "missing";
  }
  return "missing";
}

std::vector<TableFinding> check_table(const ComparedTable& table) { return Checker(table).run(); }

}  // namespace newbie
