// Feature sets that tests make up, as tests/reference/export_evaluate_goldens.py makes them.
#pragma once

#include "core/random.h"
#include "evaluate/features.h"

namespace newbie::test {

inline FeatureMatrix normal_features(size_t rows, size_t columns, uint64_t seed, float shift = 0, float scale = 1) {
  FeatureMatrix out{.columns = columns, .values = std::vector<float>(rows * columns)};
  TorchGenerator(seed).normal(out.values);
  for (float& v : out.values) v = shift + v * scale;
  return out;
}

}  // namespace newbie::test
