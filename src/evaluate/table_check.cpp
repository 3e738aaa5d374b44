#include "evaluate/table_check.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

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

class Checker {
 public:
  explicit Checker(const ComparedTable& table) : table_(table) {}

  std::vector<TableFinding> run() {
    check_device();
    check_names();
    for (const ComparedRow& row : table_.rows) {
      check_memory(row);
      check_time(row);
      check_success(row);
    }
    check_memory_differences();
    check_scores(table_, findings_);
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void find(Verdict verdict, const std::string& row, const char* quantity, fmt::format_string<Args...> words,
            Args&&... args) {
    findings_.push_back({verdict, row, quantity, fmt::format(words, std::forward<Args>(args)...)});
  }

  // Names that differ by spaces around them or by the case of their letters are told apart by nobody who reads them.
  static std::string plain_name(std::string_view name) {
    std::string out;
    for (const char c : name)
      if (c != ' ' && c != '\t') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
  }

  // Numbers in another unit than the file's are far from what any machine has.
  void check_device() {
    constexpr double kMostMemory = 2e13, kMostOperations = 1e19;  // a rack's
    if (table_.device_memory_bytes && *table_.device_memory_bytes > kMostMemory)
      find(Verdict::Impossible, table_.device, "memory", "a device with {}: the unit is GB",
           gigabytes(*table_.device_memory_bytes));
    for (const auto& [name, rate] : table_.peak_operations)
      if (rate > kMostOperations)
        find(Verdict::Impossible, table_.device, "time",
             "a peak of {:.3g} TFLOP/s of {}: the unit is 10^12 operations a second", rate / 1e12, name);
  }

  static bool says_something(const ComparedRow& row) {
    return row.memory_bytes || row.seconds || row.fid || row.kid || row.clip_score || !row.succeeded ||
           !row.failure.empty();
  }

  void check_names() {
    std::set<std::string> seen;
    for (size_t i = 0; i < table_.rows.size(); ++i) {
      const ComparedRow& row = table_.rows[i];
      const std::string place = row.name.empty() ? fmt::format("row {}", i + 1) : row.name;
      if (plain_name(row.name).empty()) find(Verdict::Missing, place, "name", "the row has no name");
      if (!says_something(row)) find(Verdict::Missing, place, "row", "nothing is said of it");
    }
    for (const ComparedRow& row : table_.rows)
      if (const std::string name = plain_name(row.name); !name.empty() && !seen.insert(name).second)
        find(Verdict::Contradiction, row.name, "name", "two rows have this name: which is meant is not said");
  }

  void check_memory(const ComparedRow& row) {
    if (row.memory_bytes && *row.memory_bytes == 0)
      return find(Verdict::Impossible, row.name, "memory", "a peak of nothing");
    if (row.memory_bytes && table_.device_memory_bytes && *row.memory_bytes > *table_.device_memory_bytes)
      find(Verdict::Impossible, row.name, "memory", "{} at the peak on a device with {}{}",
           gigabytes(*row.memory_bytes), gigabytes(*table_.device_memory_bytes),
           *row.memory_bytes / 1000 <= *table_.device_memory_bytes ? ": the unit is GB" : "");
    if (!row.memory_bytes || !row.weights_bytes || *row.memory_bytes >= *row.weights_bytes) return;
    find(Verdict::Impossible, row.name, "memory",
         "{} at the peak is less than the {} of weights with all parts resident: parts were freed, or it is no peak",
         gigabytes(*row.memory_bytes), gigabytes(*row.weights_bytes));
  }

  // Weights of two widths differ by what they differ by, whatever else is in memory. Of each row the first few that it
  // contradicts are told: of a thousand rows that is enough to read.
  void check_memory_differences() {
    constexpr int kMost = 3;
    for (size_t i = 0; i < table_.rows.size(); ++i) {
      const size_t before = findings_.size();
      for (size_t j = i + 1; j < table_.rows.size() && findings_.size() < before + kMost; ++j)
        check_memory_difference(table_.rows[i], table_.rows[j]);
    }
  }
  void check_memory_difference(const ComparedRow& a, const ComparedRow& b) {
    for (const ComparedRow* row : {&a, &b})
      if (!row->holds_own_dtype || !row->memory_bytes || !row->weights_bytes) return;
    const double weights = *a.weights_bytes - *b.weights_bytes, memory = *a.memory_bytes - *b.memory_bytes;
    const double sign = weights < 0 ? -1 : 1;
    if (weights == 0 || sign * memory >= sign * weights / 2) return;
    find(Verdict::Contradiction, a.name + " and " + b.name, "memory",
         "the weights differ by {}, the peaks by {}: not both rows hold the weights in their own dtype",
         gigabytes(std::abs(weights)), gigabytes(sign * memory));
  }

  void check_time(const ComparedRow& row) {
    if (row.seconds && *row.seconds == 0) return find(Verdict::Impossible, row.name, "time", "a picture in no time");
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
    find(Verdict::Impossible, row.name, "time", "{}{} at the {} peak of {} TFLOP/s take {} at least, not {}{}",
         operations_in_words(*table_.operations), table_.work.empty() ? "" : fmt::format(" ({})", table_.work),
         row.arithmetic, std::round(peak->second / 1e11) / 10, seconds_in_words(least), seconds_in_words(*row.seconds),
         others);
  }

  static bool tells_of_memory(std::string_view failure) {
    const std::string low = plain_name(failure);  // without spaces
    return low.find("outofmemory") != std::string::npos || low == "oom" || low.starts_with("oom:") ||
           low.find("cudaoom") != std::string::npos;
  }

  void check_success(const ComparedRow& row) {
    if (row.succeeded && !row.failure.empty())
      find(Verdict::Contradiction, row.name, "success", "it succeeded, and failed: {}", row.failure);
    if (row.succeeded) return;
    if (row.fid || row.kid || row.clip_score)
      find(Verdict::Contradiction, row.name, "success",
           "it failed{}{}, and yet has scores: of which pictures is not said", row.failure.empty() ? "" : ": ",
           row.failure);
    const bool of_memory = tells_of_memory(row.failure);
    if (of_memory && row.memory_bytes && table_.device_memory_bytes && *row.memory_bytes < *table_.device_memory_bytes)
      find(Verdict::Contradiction, row.name, "success",
           "\"out of memory\" at {} on a device with {}: values beyond the format's range are another failure",
           gigabytes(*row.memory_bytes), gigabytes(*table_.device_memory_bytes));
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
