// What arithmetic says about a table of precisions.
#include "evaluate/table_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <random>

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
  // The standard error of such a difference is √2 · 1 / 1.96; 2.8 of them are seen in 80 of 100.
  EXPECT_THAT(check_table(table)[0].words, HasSubstr("one of 2 would have been seen"));
  EXPECT_THAT(check_table(table)[0].words, HasSubstr("independent"));
  table.rows[1].fid = score(10.5, Interval{9.5, 11.5}, Interval{0.1, 0.9});  // what both have in common taken out
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Difference));
  table.rows[1].fid = score(10.5, Interval{9.5, 11.5}, Interval{-0.1, 0.9});
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::NoEvidence));
  table.rows[1].fid = score(13, Interval{12, 14}, {});
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Difference));
  table.rows[1].fid->n = 2;
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Missing, Verdict::Contradiction));
  table.rows[1].fid = ComparedScore{.value = 10.5};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Missing, Verdict::Missing, Verdict::NoEvidence));
}

// Intervals that overlap are no test: 19 to 21 and 20.9 to 22.9 are 2.6 standard errors apart.
TEST(TableCheck, IntervalsThatOverlapCanDiffer) {
  ComparedTable table = possible();
  table.rows[0].fid = ComparedScore{.value = 20, .n = 5000, .interval = Interval{19, 21}, .kind = "inception"};
  table.rows[1].fid = ComparedScore{.value = 21.9, .n = 5000, .interval = Interval{20.9, 22.9}, .kind = "inception"};
  const auto found = check_table(table);
  ASSERT_THAT(verdicts(found), ElementsAre(Verdict::Difference));
  EXPECT_THAT(found[0].words, HasSubstr("z = 2.63"));
}

TEST(TableCheck, RowsOfAnotherKindAreNotCompared) {
  ComparedTable table = possible();
  const ComparedScore fid{.value = 20, .n = 5000, .interval = Interval{19, 21}, .kind = "inception"};
  for (ComparedRow& row : table.rows) row.fid = fid;
  table.rows[1].fid->kind = "jina-clip";
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Contradiction));
  table.rows[1].fid = fid;
  table.rows[1].fid->n = 500;
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Contradiction));
  // A mean does not fall or rise with N.
  for (ComparedRow& row : table.rows) row.clip_score = row.fid, row.fid.reset();
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::NoEvidence));
  table.rows[1].clip_score->difference = Interval{-1, 1};  // of pairs, of which there cannot be as many
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Contradiction));
  table.rows[1].clip_score->difference_n = 500;
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::NoEvidence));
}

TEST(TableCheck, NumbersThatCannotBe) {
  const ComparedTable table = possible();
  const auto with = [&](auto change) {
    ComparedTable changed = table;
    changed.rows[1].fid = ComparedScore{.value = 3, .n = 256, .interval = Interval{2, 4}, .kind = "x"};
    changed.rows[1].clip_score = ComparedScore{.value = 0.3, .n = 256, .interval = {}, .kind = "Cosine, ViT"};
    change(changed);
    return verdicts(check_table(changed));
  };
  EXPECT_THAT(with([](ComparedTable&) {}), IsEmpty());
  EXPECT_THAT(with([](ComparedTable& t) { t.rows[1].memory_bytes = 16.1e9; }), ElementsAre(Verdict::Impossible));
  EXPECT_THAT(with([](ComparedTable& t) { t.rows[1].fid->value = -0.1, t.rows[1].fid->interval.reset(); }),
              ElementsAre(Verdict::Impossible));
  EXPECT_THAT(with([](ComparedTable& t) { t.rows[1].fid->value = 4.1; }), ElementsAre(Verdict::Impossible));
  EXPECT_THAT(with([](ComparedTable& t) {
                t.rows[1].fid->interval = Interval{4, 2};
              }),
              ElementsAre(Verdict::Impossible));
  EXPECT_THAT(with([](ComparedTable& t) { t.rows[1].clip_score->value = -1.01; }), ElementsAre(Verdict::Impossible));
  EXPECT_THAT(with([](ComparedTable& t) { t.rows[1].kid = ComparedScore{.value = -0.1, .n = 99, .kind = "x"}; }),
              IsEmpty());
  EXPECT_THAT(with([](ComparedTable& t) { t.rows[1].name = "f32"; }), ElementsAre(Verdict::Contradiction));
}

TEST(TableCheck, ADifferenceThatIsNotThatOfTheValues) {
  ComparedTable table = possible();
  table.rows[0].fid = ComparedScore{.value = 10, .n = 256, .interval = {}, .kind = "x"};
  table.rows[1].fid = ComparedScore{.value = 12, .n = 256, .interval = {}, .difference = Interval{-1, 1}, .kind = "x"};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Impossible));
  table.rows[1].fid->difference = Interval{3, 1};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Impossible));
}

TEST(TableCheck, ContradictionsAreFoundBetweenAnyTwoRows) {
  ComparedTable table = possible();
  table.rows.push_back({.name = "int8", .arithmetic = "bf16", .memory_bytes = 2.9e9, .weights_bytes = 1e9});
  for (ComparedRow& row : table.rows) row.holds_own_dtype = true;
  const auto found = check_table(table);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].row, "bf16 and int8");
}

// Tables that a device could have brought about, in every respect: nothing is wrong with any of them.
// A variant's words are read as people write them.
TEST(TableCheck, VariantsAreReadWhole) {
  const auto of = [](const char* kind, double value) {
    ComparedTable table = possible();
    for (ComparedRow& row : table.rows)
      row.clip_score =
          ComparedScore{.value = value, .n = 64, .interval = Interval{value - 0.02, value + 0.02}, .kind = kind};
    return verdicts(check_table(table));
  };
  for (const char* kind : {"100 * cosine, ViT-B/32", "ViT-L/14, captions by Qwen2.5-VL", "CLIPScore ViT-B/16"})
    EXPECT_THAT(of(kind, 31), ElementsAre(Verdict::NoEvidence)) << kind;
  EXPECT_THAT(of("cosine", 1.3), testing::Contains(Verdict::Impossible));
  EXPECT_THAT(of("CLIPScore, 2.5 * cosine", 0.7), ElementsAre(Verdict::NoEvidence));
  ComparedTable table = possible();
  table.rows[0].fid = ComparedScore{.value = 3, .n = 256, .interval = Interval{2, 4}, .kind = "inception clean"};
  table.rows[1].fid = ComparedScore{.value = 3, .n = 256, .interval = Interval{2, 4}, .kind = " Inception Clean"};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::NoEvidence));
}

TEST(TableCheck, WhatCannotBothBe) {
  const auto changed = [](const auto& change) {
    ComparedTable table = possible();
    change(table.rows);
    return verdicts(check_table(table));
  };
  using Rows = std::vector<ComparedRow>;
  EXPECT_THAT(changed([](Rows& r) { r[1].failure = "NaN in every picture"; }), ElementsAre(Verdict::Contradiction));
  EXPECT_THAT(changed([](Rows& r) { r[1].name = "F32 "; }), ElementsAre(Verdict::Contradiction));
  for (const char* words : {"CUDA Out Of Memory", "OOM", "out of memory"})
    EXPECT_THAT(changed([&](Rows& r) { r[1].succeeded = false, r[1].failure = words; }),
                ElementsAre(Verdict::Contradiction))
        << words;
  const ComparedScore fid{
      .value = 3, .n = 256, .difference = Interval{1, 2}, .difference_value = 1.5, .kind = "inception"};
  EXPECT_THAT(changed([&](Rows& r) { r[0].fid = fid; }), ElementsAre(Verdict::Impossible));
  EXPECT_THAT(changed([&](Rows& r) { r[1].fid = fid; }), ElementsAre(Verdict::Contradiction));
  ComparedScore half = fid;
  half.difference.reset(), half.difference_value.reset(), half.n = 256.5;
  EXPECT_THAT(changed([&](Rows& r) { r[0].fid = half; }), ElementsAre(Verdict::Impossible));
}

// A thousand rows that contradict one another are still read by somebody.
TEST(TableCheck, OfManyContradictionsAFewAreTold) {
  ComparedTable table = possible();
  table.rows.clear();
  for (int i = 0; i < 1000; ++i)
    table.rows.push_back({.name = std::to_string(i),
                          .memory_bytes = 15e9,
                          .weights_bytes = i % 2 == 0 ? 8e9 : 4e9,
                          .holds_own_dtype = true});
  EXPECT_LE(check_table(table).size(), 3000U);
}

TEST(TableCheck, ConsistentTablesHaveNoFault) {
  std::mt19937_64 random(7);
  const auto in = [&](double low, double high) { return std::uniform_real_distribution<double>(low, high)(random); };
  for (int i = 0; i < 1000; ++i) {
    const double parameters = in(1e8, 2e10), base = in(1e6, 5e9);
    ComparedTable table{.device = "device", .operations = in(1e12, 1e16), .work = "a picture"};
    table.device_memory_bytes = 4 * parameters + 2.1 * base;
    const std::pair<const char*, double> dtypes[] = {{"f32", 4}, {"bf16", 2}, {"f16", 2}, {"int8", 1}};
    for (const auto& [name, bytes] : dtypes) table.peak_operations[name] = in(1e13, 1e15);
    const double n = std::floor(in(20, 50000)), fid = in(1, 60), cosine = in(0.1, 0.9);
    const size_t count = 2 + random() % 5;
    for (size_t r = 0; r < count; ++r) {
      const auto& [name, bytes] = dtypes[r == 0 ? 0 : random() % 4];
      ComparedRow row{.name = fmt::format("{} {}", name, r), .arithmetic = name, .holds_own_dtype = true};
      row.weights_bytes = parameters * bytes;
      // Activations shrink with their dtype, too.
      row.memory_bytes = *row.weights_bytes + base * (1 + bytes / 4);
      row.seconds = *table.operations / table.peak_operations.at(name) * in(1.01, 30);
      const auto score = [&](double value, double spread, const char* kind) {
        const double mine = value + (r == 0 ? 0 : in(-spread, spread));
        ComparedScore s{.value = mine, .n = n, .interval = Interval{mine - spread, mine + spread}, .kind = kind};
        if (r != 0 && random() % 2 == 0)
          s.difference = Interval{mine - value - in(0, spread), mine - value + in(0, spread)};
        return s;
      };
      row.succeeded = r == 0 || random() % 6 != 0;
      if (!row.succeeded) row.failure = "NaN";
      if (row.succeeded) {
        row.fid = score(fid, fid / 10, "inception-v3/clean");
        row.kid = score(in(-0.01, 0.01), 0.002, "inception-v3/clean");
        if (r != 0) row.kid->difference.reset();
        row.clip_score = score(cosine, 0.01, "cosine, ViT-B/32");
      }
      table.rows.push_back(std::move(row));
    }
    for (const TableFinding& f : check_table(table))
      ASSERT_FALSE(is_fault(f.verdict)) << i << ": " << f.row << ", " << f.quantity << ": " << f.words;
  }
}

// Numbers of one table in another unit than the rest: each is told as one.
TEST(TableCheck, OtherUnitsAreTold) {
  ComparedTable table = possible();
  table.rows[0].memory_bytes = 5000e9;
  auto found = check_table(table);
  ASSERT_THAT(verdicts(found), ElementsAre(Verdict::Impossible));
  EXPECT_THAT(found[0].words, HasSubstr("the unit is GB"));

  table = possible();
  table.device_memory_bytes = 81920e9;
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Impossible));
  table = possible();
  table.peak_operations["f32"] = 19.5e24;
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Impossible));

  table = possible();
  table.rows[0].clip_score = {.value = 31, .n = 100, .interval = Interval{30, 32}, .kind = "some CLIP"};
  table.rows[1].clip_score = {.value = 0.31, .n = 100, .interval = Interval{0.3, 0.32}, .kind = "some CLIP"};
  found = check_table(table);
  ASSERT_THAT(verdicts(found), ElementsAre(Verdict::Contradiction));
  EXPECT_THAT(found[0].words, HasSubstr("hundredths"));
}

TEST(TableCheck, NothingIsNoMeasurement) {
  ComparedTable table = possible();
  table.rows[0].seconds = 0;
  table.rows[1].memory_bytes = 0;
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Impossible, Verdict::Impossible));
  table = possible();
  table.rows.push_back({});
  const auto found = check_table(table);
  ASSERT_THAT(verdicts(found), ElementsAre(Verdict::Missing, Verdict::Missing));
  EXPECT_EQ(found[0].row, "row 3");
}

TEST(TableCheck, AnIntervalWithoutWidthIsNone) {
  ComparedTable table = possible();
  table.rows[0].fid = {.value = 20, .n = 1000, .interval = Interval{20, 20}, .kind = "inception"};
  table.rows[1].fid = {.value = 20.1, .n = 1000, .interval = Interval{20.1, 20.1}, .kind = "inception"};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Missing, Verdict::Missing, Verdict::NoEvidence));
}

// 0.31 - 0.3 is not 0.01 in binary.
TEST(TableCheck, RoundingIsNoContradiction) {
  ComparedTable table = possible();
  table.rows[0].clip_score = {.value = 0.3, .n = 100, .interval = Interval{0.29, 0.31}, .kind = "cosine"};
  table.rows[1].clip_score = {
      .value = 0.31, .n = 100, .interval = Interval{0.3, 0.32}, .difference = Interval{0.005, 0.01}, .kind = "cosine"};
  EXPECT_THAT(verdicts(check_table(table)), ElementsAre(Verdict::Difference));
}

TEST(TableCheck, RowsOfManyAreTakenTogether) {
  ComparedTable table = possible();
  for (int i = 0; i < 1000; ++i) table.rows.push_back({.name = fmt::format("row {}", i)});
  for (ComparedRow& row : table.rows) row.fid = {.value = 20, .n = 1000, .kind = "inception"};
  const auto found = check_table(table);
  ASSERT_EQ(found.size(), 9u);
  EXPECT_THAT(found.back().words, HasSubstr("993 more rows"));
}

}  // namespace
}  // namespace newbie
