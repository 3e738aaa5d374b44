// Whether a table that compares precisions can be true: what arithmetic alone refutes, what contradicts itself, what
// its differences show, and what it leaves out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/resample.h"

namespace newbie {

struct ComparedScore {
  double value = 0;
  std::optional<double> n;                 // pictures
  std::optional<Interval> interval;        // 95 %
  std::optional<Interval> difference;      // 95 %, paired, to the first row
  std::optional<double> difference_n;      // of how many pairs, where not all pictures are in both
  std::optional<double> difference_value;  // of these pairs; else the difference of both values
  std::optional<double> split_half;        // the distance of two halves of one set
  std::string kind;                        // extractor or variant; empty: not said
};

struct ComparedRow {
  std::string name;
  std::string arithmetic;               // a key of the device's peaks: "f32", "bf16"
  std::optional<double> memory_bytes;   // at the peak
  std::optional<double> weights_bytes;  // that must be there at once
  bool holds_own_dtype = false;         // they are the whole model's, in the row's own dtype
  std::optional<double> seconds;        // a picture
  std::optional<ComparedScore> fid, kid, clip_score;
  bool succeeded = true;
  std::string failure;  // in its own words
};

struct ComparedTable {
  std::string device;
  std::map<std::string, double> peak_operations;  // a second, by arithmetic
  std::optional<double> device_memory_bytes;
  std::optional<double> operations;  // of one picture
  std::string work;                  // what these operations are of, in words
  std::vector<ComparedRow> rows;     // the first is what others are compared with
};

enum class Verdict {
  Impossible,     // arithmetic forbids it
  Contradiction,  // two statements of the table cannot both hold
  NoEvidence,     // a difference that chance makes as well
  Difference,     // one that it does not
  Missing,        // what would be needed to judge is not said
};
std::string_view to_string(Verdict verdict);

// Something is wrong with the table, or with what it says: not a difference that was judged.
inline bool is_fault(Verdict verdict) { return verdict != Verdict::NoEvidence && verdict != Verdict::Difference; }

struct TableFinding {
  Verdict verdict;
  std::string row;       // its name, or two names
  std::string quantity;  // "memory", "time", "FID", "KID", "CLIP score", "success"
  std::string words;     // with the numbers
};

// Every finding, row by row, differences to the first row last. An empty list: nothing to object to.
std::vector<TableFinding> check_table(const ComparedTable& table);

// What of it is about scores (table_scores.cpp): values that cannot be, intervals that do not hold their own value,
// scores held against those of another N or network, and whether a difference is one. Differences are judged by a test
// at 5 %: of the paired interval where there is one, else of the two rows as if they were independent.
void check_scores(const ComparedTable& table, std::vector<TableFinding>& findings);

}  // namespace newbie
