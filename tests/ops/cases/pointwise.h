// Cases of ops that look at one element of each operand: the first gives the result's shape, an operand with fewer
// elements is one row for every row.
#pragma once

#include "ops/cases.h"

namespace newbie::test {

struct Point {
  double value, magnitude;
};

struct Pointwise {
  std::string name;
  const OpDef* op;
  Attrs attrs = {};
  std::vector<Shape> shapes;
  std::function<Point(const Doubles& operands)> f;
  double steps = 0, stored_roundings = 0;
};

OpCase pointwise_case(const Pointwise& p, uint64_t seed);

}  // namespace newbie::test
