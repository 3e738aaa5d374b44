// What arithmetic says about a table of precisions.
#include "evaluate/table_check.h"

#include <gmock/gmock.h>

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Verdict> verdicts(const std::vector<TableFinding>& findings) {
  std::vector<Verdict> out;
  for (const TableFinding& f : findings) out.push_back(f.verdict);
  return out;
}

ComparedTable possible() {
  return {.device = "device",
          .peak_operations = {{"f32", 1e12}, {"bf16", 2e12}},
          .device_memory_bytes = 16e9,
          .operations = 4e12,
          .work = "a picture",
          .rows = {{.name = "f32", .arithmetic = "f32", .memory_bytes = 5e9, .weights_bytes = 4e9, .seconds = 4.5},
                   {.name = "bf16", .arithmetic = "bf16", .memory_bytes = 3e9, .weights_bytes = 2e9, .seconds = 2.1}}};
}

TEST(TableCheck, APossibleTableHasNoFindings) { EXPECT_THAT(check_table(possible()), IsEmpty()); }

TEST(TableCheck, FewerBytesThanWeights) {
  ComparedTable table = possible();
  table.rows[1].memory_bytes = 1.9e9;
  const auto found = check_table(table);
  ASSERT_THAT(verdicts(found), ElementsAre(Verdict::Impossible));
  EXPECT_THAT(found[0].words, HasSubstr("1.90 GB"));
}

TEST(TableCheck, PeaksThatDifferByLessThanTheirWeights) {
  ComparedTable table = possible();
  table.rows[1].memory_bytes = 4.8e9;
  EXPECT_THAT(check_table(table), IsEmpty());  // weights of some other kind may be there
  for (ComparedRow& row : table.rows) row.holds_own_dtype = true;
  const auto found = check_table(table);
  ASSERT_THAT(verdicts(found), ElementsAre(Verdict::Contradiction));
  EXPECT_EQ(found[0].row, "f32 and bf16");
}

TEST(TableCheck, FasterThanTheDevice) {
  ComparedTable table = possible();
  table.rows[0].seconds = 3.9;
  const auto found = check_table(table);
  ASSERT_THAT(verdicts(found), ElementsAre(Verdict::Impossible));
  EXPECT_THAT(found[0].words, HasSubstr("bf16 would do"));
  table.rows[0].seconds = 1.5;  // faster than any arithmetic of the device
  EXPECT_THAT(check_table(table)[0].words, testing::Not(HasSubstr("would do")));
  table.rows[0].arithmetic = "f64";
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Missing));
}

TEST(TableCheck, AFailureThatHasScores) {
  ComparedTable table = possible();
  table.rows[1].succeeded = false;
  table.rows[1].failure = "out of memory";
  table.rows[1].fid = ComparedScore{.value = 3, .n = 256, .kind = "inception"};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Contradiction, Verdict::Contradiction));
}

TEST(TableCheck, ADifferenceIsOneWhenItsIntervalExcludesZero) {
  ComparedTable table = possible();
  const auto score = [](double value, std::optional<Interval> interval, std::optional<Interval> difference) {
    return ComparedScore{.value = value, .n = 256, .interval = interval, .difference = difference, .kind = "jina-clip"};
  };
  table.rows[0].fid = score(10, Interval{9, 11}, {});
  table.rows[1].fid = score(10.5, Interval{9.5, 11.5}, {});
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::NoEvidence));
  table.rows[1].fid = score(10.5, Interval{9.5, 11.5}, Interval{0.1, 0.9});  // what both have in common taken out
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Difference));
  table.rows[1].fid = score(10.5, Interval{9.5, 11.5}, Interval{-0.1, 0.9});
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::NoEvidence));
  table.rows[1].fid = score(13, Interval{12, 14}, {});
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Difference));
  table.rows[1].fid->n = 2;
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Missing));
  table.rows[1].fid = ComparedScore{.value = 10.5};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Missing, Verdict::Missing, Verdict::NoEvidence));
}

}  // namespace
}  // namespace newbie
