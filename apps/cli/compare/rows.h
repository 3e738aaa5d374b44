// What newbie compare holds against each other: one row for each way to compute.
#pragma once

#include <string>
#include <vector>

#include "compile/precision.h"
#include "generate/text_to_image.h"

namespace newbie {

// How a row differs beside its precision.
enum class RowVariant {
  Plain,
  Guard,    // the guard may run blocks again in wider numbers
  Seeds,    // other seeds: how far apart two sets are that differ by chance alone
  Unfused,  // without fused kernels: the same arithmetic in another order, the floor of all drift
};

struct CompareRow {
  std::string name;  // as asked for, "f16+guard"; also its folder's name
  PrecisionPreset preset = PrecisionPreset::F32;
  RowVariant variant = RowVariant::Plain;

  bool operator==(const CompareRow&) const = default;
  bool is_reference() const { return preset == PrecisionPreset::F32 && variant == RowVariant::Plain; }
  // Drawn from the reference's noise, so that pictures can be held against its own one by one.
  bool is_paired() const { return variant != RowVariant::Seeds; }
  EngineOptions engine_options(EngineOptions common) const;
};

// "f32,bf16,f16-naive+guard": names as of --precision, each perhaps with a variant. The reference comes first, asked
// for or not; f16 brings f16+guard along. Error{InvalidRequest} that opens with `what`.
std::vector<CompareRow> parse_rows(std::string_view what, std::string_view list);

std::string row_variant_names();  // "guard, seeds, unfused"

}  // namespace newbie
