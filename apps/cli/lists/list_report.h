// What a run of many pictures did, a line a picture, written at once: JSON lines, or a table for spreadsheets (.csv).
// The report of a shard says which, so that several can be put together (newbie merge-reports).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"

namespace newbie {

struct RunFacts {
  size_t pictures = 0;  // of the whole run
  int64_t shard = 1, shards = 1;
  std::string engine, precision, precision_policy;  // version; name; hash of the rules
};

struct PictureRecord {
  size_t picture = 0;  // its number in the whole run, from 0
  std::string path, line;
  uint64_t seed = 0;
  int64_t width = 0, height = 0;
  std::string sha256;      // of the file
  double seconds = 0;      // 0: it was there
  bool was_there = false;  // with this request in it
  std::string error;       // it could not be drawn
};

class ListReport {
 public:
  // Nothing is written where `path` is empty. Error{BadFile} when it cannot be.
  ListReport(std::filesystem::path path, const RunFacts& run);
  void add(const PictureRecord& record);
  void finish();  // the counts of all

 private:
  void write(const std::string& line);

  std::filesystem::path path_;
  bool is_table_;
  std::ofstream file_;
  size_t drawn_ = 0, there_ = 0, failed_ = 0;
};

// Several reports of one run as one. `problems` says what does not fit together, a sentence each.
struct MergedReport {
  RunFacts run;
  std::map<size_t, PictureRecord> records;
  std::vector<size_t> missing;  // pictures that no report has
  std::vector<std::string> problems;
};
// With `check_files`, pictures are read where the reports say they are, or beside them. Error{BadFile} for what is no
// report.
MergedReport merge_reports(const std::vector<std::filesystem::path>& reports, bool check_files);
void write_report(const std::filesystem::path& path, const MergedReport& merged);

// "0-3, 7": how missing pictures are told.
std::string number_ranges(const std::vector<size_t>& numbers);

}  // namespace newbie
