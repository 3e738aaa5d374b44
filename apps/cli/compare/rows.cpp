#include "compare/rows.h"

#include <algorithm>

#include "arguments.h"

namespace newbie {

namespace {

struct VariantName {
  const char* name;
  RowVariant variant;
};
constexpr VariantName kVariants[] = {
    {"guard", RowVariant::Guard}, {"seeds", RowVariant::Seeds}, {"unfused", RowVariant::Unfused}};

CompareRow parse_row(std::string_view what, std::string_view text) {
  CompareRow row{.name = std::string(text)};
  const size_t plus = text.find('+');
  row.preset = parse_precision_preset(what, std::string(text.substr(0, plus)));
  if (plus == text.npos) return row;
  const std::string_view given = text.substr(plus + 1);
  const auto known = std::ranges::find(kVariants, given, &VariantName::name);
  if (known == std::end(kVariants))
    fail_with_hint(ErrorKind::InvalidRequest, "possible: " + row_variant_names(), "{}: unknown variant '{}' in '{}'",
                   what, given, text);
  row.variant = known->variant;
  return row;
}

}  // namespace

EngineOptions CompareRow::engine_options(EngineOptions common) const {
  common.precision = preset;
  common.guard = variant == RowVariant::Guard ? GuardMode::Retry : GuardMode::Warn;
  common.fuse = common.fuse && variant != RowVariant::Unfused;
  return common;
}

std::vector<CompareRow> parse_rows(std::string_view what, std::string_view list) {
  std::vector<CompareRow> rows{{.name = "f32"}};
  const auto add = [&](CompareRow row) {
    const auto same = [&](const CompareRow& r) { return r.preset == row.preset && r.variant == row.variant; };
    const auto known = std::ranges::find_if(rows, same);
    if (known == rows.end())
      rows.push_back(std::move(row));
    else
      known->name = row.name;
  };
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const CompareRow row = parse_row(what, list.substr(begin, end - begin));
    add(row);
    if (row.preset == PrecisionPreset::F16 && row.variant == RowVariant::Plain)
      add({.name = row.name + "+guard", .preset = row.preset, .variant = RowVariant::Guard});
    begin = end + 1;
  }
  return rows;
}

std::string row_variant_names() {
  std::string out;
  for (const VariantName& v : kVariants) out += (out.empty() ? "" : ", ") + std::string(v.name);
  return out;
}

}  // namespace newbie
