#include "graph/ops/movement.h"

#include "ops/cases.h"

namespace newbie::test {

namespace {

// source(i) tells which element of the operands, laid end to end, becomes element i of the result.
OpCase movement_case(const OpDef& op, Attrs attrs, const std::vector<Shape>& shapes, size_t count,
                     std::function<size_t(size_t)> source, uint64_t seed) {
  OpCase c{.name = fmt::format("{} {} {}", op.name, shapes[0].str(), attrs.str()), .op = &op, .attrs = attrs};
  for (size_t k = 0; k < shapes.size(); ++k)
    c.operands.push_back({fmt::format("operand{}", k), Role::Operand, random_tensor(shapes[k], seed + k)});
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Doubles all;
    for (const Doubles& operand : in) all.insert(all.end(), operand.begin(), operand.end());
    Expected e{Doubles(count), Doubles(count)};
    for (size_t i = 0; i < count; ++i) e.value[i] = all[source(i)];
    return e;
  };
  return c;
}

OpCase columns_case(const Shape& x, int64_t begin, int64_t end, uint64_t seed) {
  const auto n = static_cast<size_t>(end - begin), width = static_cast<size_t>(x.last());
  return movement_case(
      slice_columns_op, {{"begin", begin}, {"end", end}}, {x}, static_cast<size_t>(x.rows()) * n,
      [=](size_t i) { return i / n * width + static_cast<size_t>(begin) + i % n; }, seed);
}

OpCase permute_case(const Shape& x, const std::vector<int64_t>& axes, uint64_t seed) {
  return movement_case(
      permute_op, {{"axes", axes}}, {x}, x.elements(),
      [=](size_t i) {
        // The result's coordinates of i, put on x's axes.
        std::vector<int64_t> at(axes.size());
        auto rest = static_cast<int64_t>(i);
        for (size_t a = axes.size(); a-- > 0;) {
          const int64_t extent = x[static_cast<int>(axes[a])];
          at[static_cast<size_t>(axes[a])] = rest % extent;
          rest /= extent;
        }
        int64_t flat = 0;
        for (int a = 0; a < x.rank(); ++a) flat = flat * x[a] + at[static_cast<size_t>(a)];
        return static_cast<size_t>(flat);
      },
      seed);
}

OpCase upsample_case(const Shape& x, uint64_t seed) {
  const auto w = static_cast<size_t>(x[1]), c = static_cast<size_t>(x[2]);
  return movement_case(
      upsample_nearest_op, {}, {x}, 4 * x.elements(),
      [=](size_t i) {
        const size_t row = i / c / (2 * w), column = i / c % (2 * w);
        return (row / 2 * w + column / 2) * c + i % c;
      },
      seed);
}

OpCase concat_case(const Shape& a, const Shape& b, uint64_t seed) {
  return movement_case(
      concat_rows_op, {}, {a, b}, a.elements() + b.elements(), [](size_t i) { return i; }, seed);
}

OpCase concat_columns_case(const Shape& a, const Shape& b, uint64_t seed) {
  const auto wa = static_cast<size_t>(a.last()), wb = static_cast<size_t>(b.last()), of_a = a.elements();
  return movement_case(
      concat_columns_op, {}, {a, b}, of_a + b.elements(),
      [=](size_t i) {
        const size_t row = i / (wa + wb), column = i % (wa + wb);
        return column < wa ? row * wa + column : of_a + row * wb + column - wa;
      },
      seed);
}

// Zeros around lines of `width` elements.
OpCase pad_case(const OpDef& op, const Shape& x, int64_t before, int64_t after, uint64_t seed) {
  const bool columns = &op == &pad_columns_op;
  const auto unit = columns ? size_t{1} : x.elements() / static_cast<size_t>(x[0]);
  const size_t width = columns ? static_cast<size_t>(x.last()) : x.elements();
  const size_t skip = static_cast<size_t>(before) * unit, wide = skip + width + static_cast<size_t>(after) * unit;
  OpCase c{.name = fmt::format("{} {} {} {}", op.name, x.str(), before, after),
           .op = &op,
           .attrs = {{"before", before}, {"after", after}}};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)}};
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    const size_t count = in[0].size() / width * wide;
    Expected e{Doubles(count), Doubles(count)};
    for (size_t i = 0; i < in[0].size(); ++i) e.value[i / width * wide + skip + i % width] = in[0][i];
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> movement_cases() {
  return {columns_case({3, 96}, 0, 48, 5001),
          columns_case({129, 288}, 192, 288, 5002),
          columns_case({2, 5, 48}, 7, 8, 5003),
          columns_case({48}, 5, 48, 5004),
          columns_case({3, 8}, 8, 8, 5005),
          permute_case({7, 5}, {1, 0}, 5011),
          permute_case({129, 4, 32}, {1, 0, 2}, 5012),
          permute_case({3, 5, 7}, {2, 0, 1}, 5013),
          permute_case({2, 3, 4, 5, 6}, {4, 2, 0, 3, 1}, 5014),
          permute_case({1, 48}, {0, 1}, 5015),
          upsample_case({1, 1, 3}, 5021),
          upsample_case({5, 7, 48}, 5022),
          concat_case({3, 48}, {129, 48}, 5031),
          concat_case({1, 96}, {1, 96}, 5032),
          concat_columns_case({129, 3}, {129, 48}, 5041),
          concat_columns_case({5, 7, 96}, {5, 7, 1}, 5042),
          concat_columns_case({4, 0}, {4, 8}, 5043),
          pad_case(pad_rows_op, {3, 48}, 2, 5, 5051),
          pad_case(pad_rows_op, {129, 4, 7}, 0, 1, 5052),
          pad_case(pad_columns_op, {129, 96}, 48, 0, 5053),
          pad_case(pad_columns_op, {2, 5, 7}, 1, 3, 5054)};
}

}  // namespace newbie::test
