// The scores of a table: values that cannot be, intervals that do not hold their own value, and differences by a test.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "evaluate/student.h"
#include "evaluate/sureness.h"
#include "evaluate/table_check.h"

namespace newbie {

namespace {

// A score of tables: where it is, and what holds of it.
struct ScoreKind {
  const char* name;
  std::optional<ComparedScore> ComparedRow::*of;
  bool is_distance;   // needs kFewestForDistance pictures
  double least;       // impossible below
  bool depends_on_n;  // fewer pictures make it larger
};
std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

constexpr double kNone = -std::numeric_limits<double>::infinity();
constexpr ScoreKind kScoreKinds[] = {{"FID", &ComparedRow::fid, true, 0, true},
                                     {"KID", &ComparedRow::kid, true, kNone, false},
                                     {"CLIP score", &ComparedRow::clip_score, false, kNone, false}};

// What no score of that variant exceeds; nothing when its name does not tell. A factor of 100 in its name goes before
// all, and 2.5 counts as the factor of CLIPScore alone: "Qwen2.5-VL" is a network.
std::optional<double> largest_of_variant(const std::string& variant) {
  const std::string low = lowered(variant);
  const auto has = [&](std::string_view word) { return low.find(word) != std::string::npos; };
  if (has("torchmetrics") || has("100")) return 100;
  if (has("cosine")) return 1;
  if (has("2.5 ·") || has("2.5 *") || has("2.5·") || has("2.5*") || has("hessel")) return 2.5;
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, last - first + 1);
}

bool is_same_kind(const std::string& a, const std::string& b) { return lowered(trimmed(a)) == lowered(trimmed(b)); }

class ScoreChecker {
 public:
  ScoreChecker(const ComparedTable& table, std::vector<TableFinding>& findings) : table_(table), findings_(findings) {}

  void run() {
    for (const ScoreKind& kind : kScoreKinds) {
      check_missing(kind);
      for (const ComparedRow& row : table_.rows)
        if (const std::optional<ComparedScore>& s = row.*(kind.of)) check_values(kind, row.name, *s);
      if (table_.rows.empty()) continue;
      check_first(kind, table_.rows.front());
      if (!(table_.rows.front().*(kind.of))) continue;
      without_interval_.clear();
      for (size_t i = 1; i < table_.rows.size(); ++i)
        if (table_.rows[i].*(kind.of)) check_difference(kind, table_.rows[i]);
      if (without_interval_.size() > kToldRows)
        find(Verdict::NoEvidence, table_.rows.front().name, kind, "nor is there an interval of {} more rows",
             without_interval_.size() - kToldRows);
    }
  }

 private:
  template <typename... Args>
  void find(Verdict verdict, const std::string& row, const ScoreKind& kind, fmt::format_string<Args...> words,
            Args&&... args) {
    findings_.push_back({verdict, row, kind.name, fmt::format(words, std::forward<Args>(args)...)});
  }

  static bool is_too_few(const ScoreKind& kind, const ComparedScore& score) {
    return score.n && *score.n < static_cast<double>(kind.is_distance ? kFewestForDistance : kFewestForMean);
  }

  // What others are compared with.
  void check_first(const ScoreKind& kind, const ComparedRow& first) {
    const std::optional<ComparedScore>& score = first.*(kind.of);
    if (score && score->difference && !(score->difference->low <= 0 && score->difference->high >= 0))
      find(Verdict::Impossible, first.name, kind, "a difference to the first row, which it is itself");
    for (const ComparedRow& row : table_.rows)
      if (const std::optional<ComparedScore>& s = row.*(kind.of); s && s->difference && !score)
        find(Verdict::Contradiction, row.name, kind, "a difference to {}, which has none", first.name);
  }

  void check_missing(const ScoreKind& kind) {
    std::vector<std::string> without_n, without_kind, too_few;
    for (const ComparedRow& row : table_.rows) {
      const std::optional<ComparedScore>& s = row.*(kind.of);
      if (!s) continue;
      if (!s->n) without_n.push_back(row.name);
      if (is_too_few(kind, *s)) too_few.push_back(row.name);
      if (s->kind.empty()) without_kind.push_back(row.name);
    }
    if (!without_n.empty())
      find(Verdict::Missing, named(without_n), kind,
           "no number of pictures is given, and no interval can be had without it");
    if (!without_kind.empty())
      find(Verdict::Missing, named(without_kind), kind,
           "which network or variant it is of is not said: values of different ones are not comparable");
    if (!too_few.empty())
      find(Verdict::Missing, named(too_few), kind,
           "fewer than {} pictures: too few for an interval that means anything",
           kind.is_distance ? kFewestForDistance : kFewestForMean);
  }

  void check_values(const ScoreKind& kind, const std::string& row, const ComparedScore& s) {
    if (s.value < kind.least) find(Verdict::Impossible, row, kind, "{:.4g}: it is the square of a distance", s.value);
    if (const auto most = largest_of_variant(s.kind); !kind.is_distance && most && std::abs(s.value) > *most)
      find(Verdict::Impossible, row, kind, "{:.4g} of \"{}\": it ends at {:.4g}", s.value, s.kind, *most);
    for (const auto& [interval, what] : {std::pair(&s.interval, "interval"), {&s.difference, "difference"}})
      if (*interval && (*interval)->low > (*interval)->high)
        find(Verdict::Impossible, row, kind, "the {} {:.4g} to {:.4g} ends before it begins", what, (*interval)->low,
             (*interval)->high);
    if (s.interval && s.interval->low == s.interval->high)
      find(Verdict::Missing, row, kind, "the interval {:.4g} to {:.4g} has no width: rounded away, or no interval",
           s.interval->low, s.interval->high);
    else if (s.interval && s.interval->low <= s.interval->high && !s.interval->contains(s.value))
      find(Verdict::Impossible, row, kind, "{:.4g} is not in its own interval {:.4g} to {:.4g}", s.value,
           s.interval->low, s.interval->high);
    if (s.interval && !kind.is_distance) {
      const auto most = largest_of_variant(s.kind);
      if (most && (s.interval->low > *most || s.interval->high < -*most))
        find(Verdict::Impossible, row, kind, "the interval {:.4g} to {:.4g} of \"{}\": it ends at {:.4g}",
             s.interval->low, s.interval->high, s.kind, *most);
    }
    if (s.n && (*s.n < 1 || *s.n != std::floor(*s.n))) find(Verdict::Impossible, row, kind, "{} pictures", *s.n);
  }

  // Rows that cannot be held against each other: their difference says nothing.
  bool check_comparable(const ScoreKind& kind, const std::string& rows, const ComparedScore& a,
                        const ComparedScore& b) {
    if (!a.kind.empty() && !b.kind.empty() && !is_same_kind(a.kind, b.kind)) {
      find(Verdict::Contradiction, rows, kind, "of \"{}\" and of \"{}\": values of different ones are not comparable",
           a.kind, b.kind);
      return false;
    }
    if (!kind.is_distance && is_hundredfold(a.value, b.value)) {
      find(Verdict::Contradiction, rows, kind, "{:.4g} and {:.4g}: one is told in hundredths, the other is not",
           a.value, b.value);
      return false;
    }
    if (!a.n || !b.n || *a.n == *b.n) return true;
    const bool paired = b.difference && !b.difference_n;
    if (!paired && !kind.depends_on_n && a.interval && b.interval) return true;
    find(Verdict::Contradiction, rows, kind, "N = {} and {}: {}", *a.n, *b.n,
         paired ? "they make no pairs" : "values at different N are not comparable");
    return false;
  }

  void check_difference(const ScoreKind& kind, const ComparedRow& row) {
    const ComparedRow& first = table_.rows.front();
    const ComparedScore &a = *(first.*(kind.of)), &b = *(row.*(kind.of));
    const std::string rows = first.name + " and " + row.name;
    if (!check_comparable(kind, rows, a, b) || is_too_few(kind, a) || is_too_few(kind, b)) return;
    const double difference = b.difference_value.value_or(b.value - a.value);
    const std::string beside =
        b.split_half ? fmt::format(" (two halves of one set differ by {:.3g})", *b.split_half) : std::string();
    if (b.difference) {
      const Interval& i = *b.difference;
      if (i.low > i.high) return;  // told already
      if (!holds(i, difference, std::abs(a.value) + std::abs(b.value)))
        return find(Verdict::Impossible, rows, kind, "the values differ by {:+.4g}, which is not in {:+.4g} to {:+.4g}",
                    difference, i.low, i.high);
      const bool sure = !i.contains(0);
      return find(sure ? Verdict::Difference : Verdict::NoEvidence, rows, kind,
                  "{:+.4g}, paired 95 % {:+.4g} to {:+.4g}: {}{}", difference, i.low, i.high,
                  sure ? "the interval excludes 0" : no_evidence(error_of(i)), beside);
    }
    if (is_sound(a) && is_sound(b)) {
      const double error = std::hypot(error_of(*a.interval), error_of(*b.interval));
      const double z = std::abs(difference) / error;
      const bool sure = z > normal_quantile(0.975);
      return find(sure ? Verdict::Difference : Verdict::NoEvidence, rows, kind,
                  "{:+.4g}, z = {:.2f} if the rows are independent: {}{}", difference, z,
                  sure ? "beyond chance at 5 %" : no_evidence(error), beside);
    }
    if (without_interval_.size() < kToldRows)
      find(Verdict::NoEvidence, rows, kind,
           "{:+.4g} without an interval: no evidence of a difference, nor of there being none", difference);
    without_interval_.push_back(row.name);
  }

  static bool is_sound(const ComparedScore& s) {
    return s.interval && s.interval->low < s.interval->high && s.interval->contains(s.value);
  }
  // Whether `interval` holds a difference of two numbers of `magnitude` together, which has their rounding.
  static bool holds(const Interval& interval, double difference, double magnitude) {
    const double rounding = 4 * std::numeric_limits<double>::epsilon() * magnitude;
    return difference >= interval.low - rounding && difference <= interval.high + rounding;
  }
  static bool is_hundredfold(double a, double b) {
    const double ratio = a != 0 && b != 0 ? std::max(a / b, b / a) : 0;
    return ratio > 50 && ratio < 200;
  }
  static double error_of(const Interval& i) { return (i.high - i.low) / (2 * normal_quantile(0.975)); }
  static std::string no_evidence(double error) {
    constexpr size_t kLarge = 1000000;  // the errors are taken as known
    return fmt::format("no evidence of a difference; one of {:.2g} would have been seen in 80 of 100",
                       detectable_errors(kLarge) * error);
  }

  static constexpr size_t kToldRows = 8;  // of a thousand that is enough to read

  // The first few, and how many more.
  static std::string named(const std::vector<std::string>& rows) {
    const size_t told = rows.size() <= kToldRows + 1 ? rows.size() : kToldRows;
    std::string out;
    for (size_t i = 0; i < told; ++i) out += (i == 0 ? "" : ", ") + rows[i];
    if (told < rows.size()) out += fmt::format(" and {} more", rows.size() - told);
    return out;
  }

  const ComparedTable& table_;
  std::vector<TableFinding>& findings_;
  std::vector<std::string> without_interval_;  // rows of the score at hand
};

}  // namespace

void check_scores(const ComparedTable& table, std::vector<TableFinding>& findings) {
  ScoreChecker(table, findings).run();
}

}  // namespace newbie
