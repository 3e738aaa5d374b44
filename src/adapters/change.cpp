#include "adapters/change.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>

#include "adapters/row_fill.h"
#include "core/error.h"

namespace newbie {

namespace {

constexpr int64_t kRowsAtOnce = 32;  // while norms of columns are added up

std::vector<float> rows_as_floats(const DerivedTensor& tensor, int64_t first, int64_t count) {
  return values_of(rows_of(tensor, first, count));
}

// w [rows, columns] += factor · a [rows, r] · b [r, columns]
void add_product(const std::vector<float>& a, const std::vector<float>& b, int64_t rows, int64_t columns, float factor,
                 float* w) {
  const auto r = static_cast<int64_t>(rows == 0 ? 0 : a.size() / static_cast<size_t>(rows));
  std::vector<float> sum(static_cast<size_t>(columns));
  for (int64_t row = 0; row < rows; ++row) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (int64_t k = 0; k < r; ++k) {
      const float x = a[static_cast<size_t>(row * r + k)];
      const float* y = b.data() + k * columns;
      for (int64_t c = 0; c < columns; ++c) sum[static_cast<size_t>(c)] += x * y[c];
    }
    for (int64_t c = 0; c < columns; ++c) w[row * columns + c] += factor * sum[static_cast<size_t>(c)];
  }
}

// Adds factor · Δ of the change's own rows [row, row + count) to w.
void add_delta(const AdapterChange& change, float factor, int64_t row, int64_t count, float* w) {
  const int64_t columns = change.columns();
  const auto& f = change.factors;
  switch (change.kind) {
    case ChangeKind::LowRank:
      return add_product(rows_as_floats(f[1], row, count), values_of(f[0]), count, columns, factor, w);
    case ChangeKind::Kronecker: {
      const int64_t below = f[1].spec.shape[0], right = f[1].spec.shape[1], across = f[0].spec.shape[1];
      const std::vector<float> w1 = values_of(f[0]), w2 = values_of(f[1]);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t b = 0; b < across; ++b) {
          const float x = factor * w1[static_cast<size_t>((row + i) / below * across + b)];
          const float* y = w2.data() + (row + i) % below * right;
          float* out = w + i * columns + b * right;
          for (int64_t d = 0; d < right; ++d) out[d] += x * y[d];
        }
      return;
    }
    case ChangeKind::Hadamard: {
      std::vector<float> left(static_cast<size_t>(count * columns)), other(left.size());
      add_product(rows_as_floats(f[0], row, count), values_of(f[1]), count, columns, 1, left.data());
      add_product(rows_as_floats(f[2], row, count), values_of(f[3]), count, columns, 1, other.data());
      for (size_t i = 0; i < left.size(); ++i) w[i] += factor * left[i] * other[i];
      return;
    }
    case ChangeKind::Difference: {
      const std::vector<float> given = rows_as_floats(f[0], row, count);
      for (size_t i = 0; i < given.size(); ++i) w[i] += factor * given[i];
      return;
    }
    case ChangeKind::Replacement: break;
  }
  fail(ErrorKind::Internal, "{}: a replacement has no difference of its own", change.key);
}

// Several changes of one weight, each made on what the earlier ones left.
class Changes {
 public:
  Changes(DerivedTensor base, std::vector<AppliedChange> changes)
      : base_(std::move(base)), changes_(std::move(changes)), norms_(changes_.size()) {
    for (const AppliedChange& c : changes_)
      if (!(c.change.shape == base_.spec.shape))
        fail(ErrorKind::Internal, "{}: a change of {} for a weight of {}", c.change.key, c.change.shape.str(),
             base_.spec.shape.str());
  }

  const AppliedChange& last() const { return changes_.back(); }
  size_t size() const { return changes_.size(); }
  const DerivedTensor& base() const { return base_; }

  std::vector<FileTensor> sources() const {
    std::vector<FileTensor> all = base_.sources;
    for (const AppliedChange& c : changes_) {
      for (const DerivedTensor& factor : c.change.factors)
        all.insert(all.end(), factor.sources.begin(), factor.sources.end());
      if (c.change.magnitude)
        all.insert(all.end(), c.change.magnitude->values.sources.begin(), c.change.magnitude->values.sources.end());
    }
    return all;
  }

  // Rows [row, row + count) of the weight after the first `n` changes.
  void rows(size_t n, int64_t row, int64_t count, float* out) const {
    const auto columns = static_cast<size_t>(columns_of_base());
    base_.fill(static_cast<size_t>(row) * columns, {out, static_cast<size_t>(count) * columns});
    for (size_t i = 0; i < n; ++i) {
      const AdapterChange& change = changes_[i].change;
      const int64_t first = std::max(row, change.first_row);
      const int64_t end = std::min(row + count, change.first_row + change.rows);
      if (first < end)
        apply(i, first - change.first_row, end - first, out + static_cast<size_t>(first - row) * columns);
    }
  }

  // V = W + scale · Δ of change `i` in its own rows, W being what the earlier ones left.
  std::vector<float> decomposed(size_t i, int64_t row, int64_t count) const {
    const AdapterChange& change = changes_[i].change;
    std::vector<float> v(static_cast<size_t>(count * columns_of_base()));
    rows(i, change.first_row + row, count, v.data());
    add_delta(change, static_cast<float>(change.scale), row, count, v.data());
    return v;
  }

  // magnitude / norm of a row of V.
  std::vector<float> row_factors(size_t i, int64_t row, int64_t count, const std::vector<float>& v) const {
    const int64_t columns = columns_of_base();
    std::vector<float> factors = rows_as_floats(changes_[i].change.magnitude->values, row, count);
    for (int64_t r = 0; r < count; ++r) {
      double sum = 0;
      for (int64_t c = 0; c < columns; ++c) {
        const double value = v[static_cast<size_t>(r * columns + c)];
        sum += value * value;
      }
      float& factor = factors[static_cast<size_t>(r)];
      factor = sum > 0 ? static_cast<float>(factor / std::sqrt(sum)) : 0.0f;
    }
    return factors;
  }

 private:
  struct Norms {
    std::once_flag made;
    std::vector<float> factors;  // magnitude / norm, one a column
  };

  int64_t columns_of_base() const { return base_.spec.shape.rank() == 2 ? base_.spec.shape[1] : 1; }

  const std::vector<float>& column_factors(size_t i) const {
    Norms& norms = norms_[i];
    std::call_once(norms.made, [&] {
      const AdapterChange& change = changes_[i].change;
      const int64_t columns = columns_of_base();
      std::vector<double> sums(static_cast<size_t>(columns));
      for (int64_t row = 0; row < change.rows; row += kRowsAtOnce) {
        const int64_t count = std::min(kRowsAtOnce, change.rows - row);
        const std::vector<float> v = decomposed(i, row, count);
        for (size_t at = 0; at < v.size(); ++at)
          sums[at % sums.size()] += static_cast<double>(v[at]) * static_cast<double>(v[at]);
      }
      norms.factors = values_of(change.magnitude->values);
      for (size_t c = 0; c < sums.size(); ++c)
        norms.factors[c] = sums[c] > 0 ? static_cast<float>(norms.factors[c] / std::sqrt(sums[c])) : 0.0f;
    });
    return norms.factors;
  }

  // In place, on what the earlier ones left of its own rows [row, row + count).
  void apply(size_t i, int64_t row, int64_t count, float* w) const {
    const AdapterChange& change = changes_[i].change;
    const auto strength = static_cast<float>(changes_[i].strength);
    const int64_t columns = columns_of_base();
    const auto size = static_cast<size_t>(count * columns);
    if (change.magnitude) {
      const std::vector<float> v = decomposed(i, row, count);
      const std::vector<float> factors = change.magnitude->by_input ? column_factors(i) : row_factors(i, row, count, v);
      const auto width = static_cast<size_t>(columns);
      for (size_t at = 0; at < size; ++at) {
        const float factor = factors[change.magnitude->by_input ? at % width : at / width];
        w[at] += strength * (factor * v[at] - w[at]);
      }
    } else if (change.kind == ChangeKind::Replacement) {
      const std::vector<float> given = rows_as_floats(change.factors[0], row, count);
      for (size_t at = 0; at < size; ++at) w[at] += strength * (given[at] - w[at]);
    } else {
      add_delta(change, static_cast<float>(strength * change.scale), row, count, w);
    }
  }

  DerivedTensor base_;
  std::vector<AppliedChange> changes_;
  mutable std::vector<Norms> norms_;
};

}  // namespace

DerivedTensor delta_tensor(const AdapterChange& change) {
  if (change.magnitude || change.kind == ChangeKind::Replacement)
    fail(ErrorKind::Internal, "{}: what this change adds depends on the weight", change.key);
  const int64_t columns = change.columns();
  DerivedTensor delta;
  delta.spec = {change.shape.rank() == 2 ? Shape{change.rows, columns} : Shape{change.rows}, DType::F32};
  delta.fill = fill_by_rows(columns, [change, columns](int64_t row, int64_t count, float* out) {
    std::fill_n(out, count * columns, 0.0f);
    add_delta(change, static_cast<float>(change.scale), row, count, out);
  });
  for (const DerivedTensor& factor : change.factors)
    delta.sources.insert(delta.sources.end(), factor.sources.begin(), factor.sources.end());
  return delta;
}

DerivedTensor changed_weight(const DerivedTensor& base, std::vector<AppliedChange> changes) {
  const auto all = std::make_shared<const Changes>(base, std::move(changes));
  const int64_t columns = base.spec.shape.rank() == 2 ? base.spec.shape[1] : 1;
  return {.spec = base.spec,
          .fill = fill_by_rows(
              columns, [all](int64_t row, int64_t count, float* out) { all->rows(all->size(), row, count, out); }),
          .sources = all->sources()};
}

DerivedTensor last_difference(const DerivedTensor& base, std::vector<AppliedChange> changes) {
  const auto all = std::make_shared<const Changes>(base, std::move(changes));
  const AdapterChange& last = all->last().change;
  const int64_t columns = last.columns();
  const auto fill = [all, columns](int64_t row, int64_t count, float* out) {
    const int64_t first = all->last().change.first_row + row;
    std::vector<float> before(static_cast<size_t>(count * columns));
    all->rows(all->size() - 1, first, count, before.data());
    all->rows(all->size(), first, count, out);
    for (size_t i = 0; i < before.size(); ++i) out[i] -= before[i];
  };
  return {.spec = {last.shape.rank() == 2 ? Shape{last.rows, columns} : Shape{last.rows}, DType::F32},
          .fill = fill_by_rows(columns, fill),
          .sources = all->sources()};
}

DerivedTensor last_row_factors(const DerivedTensor& base, std::vector<AppliedChange> changes) {
  const auto all = std::make_shared<const Changes>(base, std::move(changes));
  const AdapterChange& last = all->last().change;
  if (!last.magnitude || last.magnitude->by_input)
    fail(ErrorKind::Internal, "{}: a change without a magnitude a row", last.key);
  const auto fill = [all](size_t first, std::span<float> out) {
    const auto row = static_cast<int64_t>(first), count = static_cast<int64_t>(out.size());
    for (int64_t done = 0; done < count; done += kRowsAtOnce) {
      const int64_t some = std::min(kRowsAtOnce, count - done);
      const std::vector<float> v = all->decomposed(all->size() - 1, row + done, some);
      std::ranges::copy(all->row_factors(all->size() - 1, row + done, some, v),
                        out.begin() + static_cast<std::ptrdiff_t>(done));
    }
  };
  return {.spec = {Shape{last.rows}, DType::F32}, .fill = fill, .sources = all->sources()};
}

LowRankFactors join_low_rank(std::span<const AppliedChange> changes) {
  if (changes.empty()) fail(ErrorKind::Internal, "no low-rank changes to join");
  const std::vector<AppliedChange> all(changes.begin(), changes.end());
  int64_t ranks = 0;
  LowRankFactors joined;
  for (const AppliedChange& c : all) {
    if (c.change.kind != ChangeKind::LowRank || c.change.magnitude)
      fail(ErrorKind::Internal, "{}: not a plain low-rank change", c.change.key);
    ranks += c.change.rank();
    const DerivedTensor &down = c.change.factors[0], &up = c.change.factors[1];
    joined.down.sources.insert(joined.down.sources.end(), down.sources.begin(), down.sources.end());
    joined.up.sources.insert(joined.up.sources.end(), up.sources.begin(), up.sources.end());
  }
  const Shape shape = all.front().change.shape;
  joined.down.spec = {Shape{ranks, shape[1]}, DType::F32};
  joined.up.spec = {Shape{shape[0], ranks}, DType::F32};
  joined.down.fill = fill_by_rows(shape[1], [all, columns = shape[1]](int64_t row, int64_t count, float* out) {
    for (const AppliedChange& c : all) {
      const int64_t rank = c.change.rank(), taken = std::min(count, rank - row);
      if (taken > 0 && row >= 0) {
        std::ranges::copy(rows_as_floats(c.change.factors[0], row, taken), out);
        out += taken * columns;
        row += taken;
        count -= taken;
      }
      row -= rank;
    }
  });
  joined.up.fill = fill_by_rows(ranks, [all, ranks](int64_t row, int64_t count, float* out) {
    std::fill_n(out, count * ranks, 0.0f);
    int64_t before = 0;
    for (const AppliedChange& c : all) {
      const AdapterChange& change = c.change;
      const int64_t rank = change.rank(), first = std::max(row, change.first_row);
      const int64_t end = std::min(row + count, change.first_row + change.rows);
      if (first < end) {
        const std::vector<float> up = rows_as_floats(change.factors[1], first - change.first_row, end - first);
        const auto factor = static_cast<float>(c.strength * change.scale);
        for (int64_t r = first; r < end; ++r)
          for (int64_t k = 0; k < rank; ++k)
            out[(r - row) * ranks + before + k] = factor * up[static_cast<size_t>((r - first) * rank + k)];
      }
      before += rank;
    }
  });
  return joined;
}

}  // namespace newbie
