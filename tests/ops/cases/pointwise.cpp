#include "ops/cases/pointwise.h"

namespace newbie::test {

OpCase pointwise_case(const Pointwise& p, uint64_t seed) {
  OpCase c{.name = p.name, .op = p.op, .attrs = p.attrs, .steps = p.steps, .stored_roundings = p.stored_roundings};
  for (size_t k = 0; k < p.shapes.size(); ++k) {
    c.name += fmt::format(" {}", p.shapes[k].str());
    c.operands.push_back({fmt::format("operand{}", k), Role::Operand, random_tensor(p.shapes[k], seed + k, 2.0f)});
  }
  // The ends of the functions' ranges too: far tails, zeros of both signs.
  const float ends[] = {0.0f, -0.0f, 30.0f, -30.0f, 100.0f, -100.0f, 1e-6f, -1e-6f};
  for (size_t i = 0; i < std::size(ends) && i < c.operands[0].tensor.values.size() / 2; ++i)
    c.operands[0].tensor.values[i] = ends[i];
  c.formula = [f = p.f](const std::vector<Doubles>& in, DType) {
    Expected e;
    for (size_t i = 0; i < in[0].size(); ++i) {
      Doubles at;
      for (const Doubles& operand : in) at.push_back(operand[i % operand.size()]);
      const Point point = f(at);
      e.value.push_back(point.value);
      e.magnitude.push_back(point.magnitude);
    }
    return e;
  };
  return c;
}

}  // namespace newbie::test
