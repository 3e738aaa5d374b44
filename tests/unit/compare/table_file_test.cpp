// Somebody else's table, read and checked.
#include "compare/table_file.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace newbie {
namespace {

using testing::HasSubstr;

std::vector<TableFinding> of(const std::vector<TableFinding>& findings, const char* row, const char* quantity) {
  std::vector<TableFinding> out;
  for (const TableFinding& f : findings)
    if (f.row == row && f.quantity == quantity) out.push_back(f);
  return out;
}

TEST(TableFile, TheStudysImpossibleRowsAreFound) {
  const TableFile file = read_table(std::string(NEWBIE_SOURCE_DIR) + "/examples/study.json");
  ASSERT_EQ(file.table.rows.size(), 3u);
  // spec/nextdit.md estimates 35 TFLOP a pass; there are two in each of 50 steps.
  EXPECT_NEAR(*file.table.operations, 100 * 35e12, 0.05 * 100 * 35e12);
  const std::vector<TableFinding> found = check_table(file.table);

  const auto time = of(found, "float32", "time");
  ASSERT_EQ(time.size(), 1u);
  EXPECT_EQ(time[0].verdict, Verdict::Impossible);
  EXPECT_THAT(time[0].words, HasSubstr("tf32 would do"));
  EXPECT_TRUE(of(found, "bfloat16", "time").empty());  // 312 TFLOP/s would do it in 11 s
  for (const char* row : {"float32", "float16", "bfloat16"}) {
    const auto memory = of(found, row, "memory");
    ASSERT_EQ(memory.size(), 1u) << row;
    EXPECT_EQ(memory[0].verdict, Verdict::Impossible);
  }
  EXPECT_EQ(of(found, "float32 and bfloat16", "memory").size(), 1u);
  EXPECT_EQ(of(found, "float16", "success").size(), 2u);
  const auto fid = of(found, "float32 and bfloat16", "FID");
  ASSERT_EQ(fid.size(), 1u);
  EXPECT_EQ(fid[0].verdict, Verdict::NoEvidence);
  EXPECT_EQ(of(found, "float32, float16, bfloat16", "FID").size(), 2u);
  EXPECT_EQ(of(found, "float32, float16, bfloat16", "CLIP score").size(), 2u);
}

std::string error_of(const std::string& text) {
  try {
    parse_table(text, "t.json");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::BadFile) << text;
    return e.message();
  }
  return "no error";
}

TEST(TableFile, WhatIsNoTableIsTold) {
  EXPECT_THAT(error_of(""), HasSubstr("t.json"));
  EXPECT_THAT(error_of("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(error_of("{}"), HasSubstr("no \"device\""));
  EXPECT_THAT(error_of(R"({"device": {}})"), HasSubstr("t.json/rows: expected a list, got null"));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": []})"), HasSubstr("no rows"));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": [3]})"), HasSubstr("t.json/rows/0: expected an object, got 3"));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": [{"secnds": 3}]})"), HasSubstr("unknown field \"secnds\""));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": [{"seconds": -3}]})"), HasSubstr("rows/0/seconds: expected a number"));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": [{"seconds": "3"}]})"), HasSubstr("got \"3\""));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": [{"fid": {}}]})"), HasSubstr("rows/0/fid: no \"value\""));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": [{"fid": {"value": 1, "interval": [1]}}]})"),
              HasSubstr("two numbers"));
  EXPECT_THAT(error_of(R"({"device": {}, "rows": [{"weights": "f33"}]})"), HasSubstr("unknown dtype \"f33\""));
  EXPECT_THAT(error_of(R"({"device": {}, "work": {"model": "x"}, "rows": [{}]})"), HasSubstr("unknown model"));
  EXPECT_THAT(
      error_of(
          R"({"device": {}, "work": {"model": "newbie-3.5b", "width": 17, "height": 16, "steps": 1}, "rows": [{}]})"),
      HasSubstr("multiples of 16"));
  EXPECT_THAT(error_of(R"({"device": {}, "work": {"width": 1e9}, "rows": [{}]})"), HasSubstr("a whole number"));
  EXPECT_EQ(error_of(R"({"device": {}, "rows": [{"name": "a"}]})"), "no error");
}

// Tables with one planted fault each, named after it, and consistent ones.
TEST(TableFile, PlantedFaultsAreFoundAndConsistentTablesAreNot) {
  int bad = 0, good = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(NEWBIE_SOURCE_DIR) + "/tests/data/tables")) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() != ".json") continue;
    size_t faults = 0;
    for (const TableFinding& f : check_table(read_table(entry.path()).table)) faults += is_fault(f.verdict) ? 1 : 0;
    const bool planted = name.starts_with("bad");
    EXPECT_EQ(faults > 0, planted) << name;
    planted ? ++bad : ++good;
  }
  EXPECT_EQ(bad, 6);
  EXPECT_EQ(good, 3);
  const auto overlap =
      check_table(read_table(std::string(NEWBIE_SOURCE_DIR) + "/tests/data/tables/overlap.json").table);
  ASSERT_EQ(overlap.size(), 1u);
  EXPECT_EQ(overlap[0].verdict, Verdict::Difference);
}

}  // namespace
}  // namespace newbie
