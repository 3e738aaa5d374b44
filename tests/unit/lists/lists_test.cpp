// What lists of pictures are made of: cells, shares of a run, and its reports.
#include <gmock/gmock.h>

#include <fstream>
#include <map>

#include "core/files.h"
#include "lists/csv.h"
#include "lists/list_report.h"
#include "lists/shard.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> cells(std::string_view text, size_t row) { return read_csv(text, "x.csv").at(row).cells; }

TEST(Csv, CellsQuotesAndLineEnds) {
  const char* text = "prompt,steps\r\n\"a, \"\"b\"\"\nc\",3\n\n,\nplain,\n";
  EXPECT_THAT(cells(text, 0), ElementsAre("prompt", "steps"));
  EXPECT_THAT(cells(text, 1), ElementsAre("a, \"b\"\nc", "3"));
  EXPECT_THAT(cells(text, 2), ElementsAre("plain", ""));
  EXPECT_EQ(read_csv(text, "x").size(), 3u);
  EXPECT_EQ(read_csv(text, "x")[1].line, 2u);
  EXPECT_EQ(read_csv(text, "x")[2].line, 6u);
  EXPECT_THAT(cells("a;b;c,d\n", 0), ElementsAre("a", "b", "c,d"));
  EXPECT_THAT(cells("a\tb\n", 0), ElementsAre("a", "b"));
  EXPECT_THAT(read_csv("", "x"), IsEmpty());
  EXPECT_ERROR(read_csv("a\n\"b\n", "x.csv"), ErrorKind::BadFile, "x.csv:2");
  EXPECT_ERROR(read_csv("\"a\"b\n", "x.csv"), ErrorKind::BadFile, "closing quote");
  for (const char* cell : {"plain", "a,b", "a\"b", "a\nb", ""})
    EXPECT_THAT(cells(csv_cell(cell) + ",x\n", 0), ElementsAre(cell, "x"));
}

Shard shard(const std::string& given, const std::map<std::string, std::string>& said = {}) {
  return parse_shard(given, [&](const std::string& name) {
    const auto found = said.find(name);
    return found == said.end() ? "" : found->second;
  });
}
std::string words(const Shard& s) { return fmt::format("{}/{} {}", s.index, s.count, s.source); }

TEST(Shards, EveryPictureBelongsToOne) {
  for (int64_t n : {1, 2, 3, 7})
    for (size_t k = 0; k < 20; ++k) {
      int owners = 0;
      for (int64_t i = 1; i <= n; ++i) owners += Shard{i, n, ""}.holds(k);
      EXPECT_EQ(owners, 1);
      EXPECT_TRUE((Shard{static_cast<int64_t>(k) % n + 1, n, ""}.holds(k)));
    }
}

TEST(Shards, ByHandAndFromLaunchers) {
  EXPECT_EQ(words(shard("2/8")), "2/8 --shard");
  for (const char* bad : {"0/8", "9/8", "-1/8", "1/0", "1", "a/b", "1/8x", "", "1/99999999999999999999"})
    EXPECT_ERROR(shard(bad), ErrorKind::InvalidRequest, "--shard");
  EXPECT_EQ(words(shard("auto", {{"NEWBIE_SHARD", "3/4"}, {"PMI_RANK", "0"}, {"PMI_SIZE", "2"}})), "3/4 NEWBIE_SHARD");
  EXPECT_EQ(words(shard("auto", {{"SLURM_ARRAY_TASK_ID", "14"},
                                 {"SLURM_ARRAY_TASK_MIN", "10"},
                                 {"SLURM_ARRAY_TASK_MAX", "16"},
                                 {"SLURM_ARRAY_TASK_STEP", "2"},
                                 {"SLURM_ARRAY_TASK_COUNT", "4"},
                                 {"SLURM_PROCID", "0"},
                                 {"SLURM_NTASKS", "1"}})),
            "3/4 Slurm's array");
  // 1,3,7: places in a list cannot be told.
  EXPECT_ERROR(shard("auto", {{"SLURM_ARRAY_TASK_ID", "3"},
                              {"SLURM_ARRAY_TASK_MIN", "1"},
                              {"SLURM_ARRAY_TASK_MAX", "7"},
                              {"SLURM_ARRAY_TASK_COUNT", "3"}}),
               ErrorKind::InvalidRequest, "a list");
  EXPECT_EQ(words(shard("auto", {{"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "2"}})), "2/2 srun");
  EXPECT_EQ(words(shard("auto", {{"SLURM_PROCID", "0"},
                                 {"SLURM_NTASKS", "1"},
                                 {"OMPI_COMM_WORLD_RANK", "1"},
                                 {"OMPI_COMM_WORLD_SIZE", "3"}})),
            "2/3 Open MPI");
  EXPECT_EQ(words(shard("auto", {{"JOB_COMPLETION_INDEX", "0"}, {"NEWBIE_SHARDS", "5"}})),
            "1/5 a Kubernetes Indexed Job");
  EXPECT_ERROR(shard("auto", {{"JOB_COMPLETION_INDEX", "0"}}), ErrorKind::InvalidRequest, "NEWBIE_SHARDS is not");
  EXPECT_ERROR(shard("auto"), ErrorKind::InvalidRequest, "no launcher");
}

class Reports : public testing::Test {
 protected:
  std::filesystem::path write(int64_t shard, std::vector<PictureRecord> records, RunFacts run = {}) {
    const std::filesystem::path path = folder_ / fmt::format("report-{}.jsonl", shard);
    run.pictures = 4;
    run.shard = shard;
    run.shards = 2;
    ListReport report(path, run);
    for (const PictureRecord& record : records) report.add(record);
    report.finish();
    return path;
  }
  static PictureRecord record(size_t picture, const std::string& sha = "aa") {
    return {.picture = picture, .path = fmt::format("{}.png", picture), .seed = picture, .sha256 = sha};
  }
  TemporaryFolder folder_;
};

TEST_F(Reports, MakeAWholeOrSayWhatIsMissing) {
  const auto one = write(1, {record(0), record(2)}), two = write(2, {record(1), record(3)});
  const MergedReport whole = merge_reports({one, two}, false);
  EXPECT_THAT(whole.missing, IsEmpty());
  EXPECT_THAT(whole.problems, IsEmpty());
  EXPECT_EQ(whole.records.size(), 4u);
  write_report(folder_ / "all.jsonl", whole);
  EXPECT_EQ(merge_reports({folder_ / "all.jsonl"}, false).records.size(), 4u);
  write_report(folder_ / "all.csv", whole);
  EXPECT_EQ(read_csv(read_file(folder_ / "all.csv", 10000), "all.csv").size(), 5u);

  EXPECT_THAT(merge_reports({one}, false).missing, ElementsAre(1, 3));
  EXPECT_EQ(number_ranges({0, 1, 2, 5, 7, 8}), "0-2, 5, 7-8");
  EXPECT_THAT(merge_reports({one, two}, true).problems, testing::SizeIs(4));  // the pictures are not there
}

TEST_F(Reports, TellWhatDoesNotFitTogether) {
  const auto one = write(1, {record(0), record(1)});
  EXPECT_THAT(merge_reports({one, write(2, {record(1, "bb")})}, false).problems,
              ElementsAre(HasSubstr("picture 1: two reports")));
  EXPECT_THAT(merge_reports({one, write(2, {}, {.engine = "9"})}, false).problems,
              ElementsAre(HasSubstr("engine version 9")));
  EXPECT_THAT(merge_reports({one, write(2, {}, {.precision = "f32"})}, false).problems,
              ElementsAre(HasSubstr("precision f32")));
  EXPECT_THAT(merge_reports({one, write(2, {}, {.precision_policy = "x"})}, false).problems,
              ElementsAre(HasSubstr("another --precision-policy")));
  PictureRecord failed = record(3);
  failed.error = "no memory";
  EXPECT_THAT(merge_reports({one, write(2, {failed})}, false).problems, ElementsAre(HasSubstr("no memory")));
  EXPECT_THAT(merge_reports({one, write(2, {record(9)})}, false).problems, ElementsAre(HasSubstr("picture 9 of 4")));
  std::ofstream(folder_ / "odd.jsonl") << "{\"run\": 3}\n";
  EXPECT_ERROR(merge_reports({folder_ / "odd.jsonl"}, false), ErrorKind::BadFile, "odd.jsonl:1");
  std::ofstream(folder_ / "none.jsonl") << "{\"picture\": 3}\n";
  EXPECT_ERROR(merge_reports({folder_ / "none.jsonl"}, false), ErrorKind::BadFile, "no report of a run");
}

}  // namespace
}  // namespace newbie
