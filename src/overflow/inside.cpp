#include "overflow/inside.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>

#include "core/checked.h"
#include "graph/ops/attention.h"

namespace newbie {

namespace {

void take_larger(NormSums& out, const NormSums& more) {
  out.square = std::max(out.square, more.square);
  out.square_sum = std::max(out.square_sum, more.square_sum);
  out.sum = std::max(out.sum, more.sum);
}
void take_larger(ProductSums& out, const ProductSums& more) {
  out.product = std::max(out.product, more.product);
  out.absolute = std::max(out.absolute, more.absolute);
}

// The largest of what `one` gives for each of `count` blocks.
template <typename Sums, typename One>
Sums largest_over(int64_t count, ThreadPool& threads, One one) {
  Sums out;
  std::mutex mutex;
  threads.run(count, [&](int64_t index, int) {
    const Sums here = one(index);
    const std::lock_guard lock(mutex);
    take_larger(out, here);
  });
  return out;
}

// What a norm that subtracts the mean adds up: at(i) for i < n.
template <typename At>
NormSums centred_sums(size_t n, At at) {
  NormSums out;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += at(i);
    out.sum = std::max(out.sum, std::abs(sum));
  }
  const double mean = sum / static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    const double square = (at(i) - mean) * (at(i) - mean);
    out.square = std::max(out.square, square);
    out.square_sum += square;
  }
  return out;
}

// Rows of n in blocks of about 64 Ki numbers.
template <typename Row>
NormSums over_rows(std::span<const float> x, size_t n, ThreadPool& threads, Row row) {
  if (n == 0) return {};
  const size_t rows = x.size() / n, per_block = std::max<size_t>(1, 65536 / n);
  return largest_over<NormSums>(ceil_div(static_cast<int64_t>(rows), static_cast<int64_t>(per_block)), threads,
                                [&](int64_t block) {
                                  NormSums out;
                                  const size_t first = static_cast<size_t>(block) * per_block;
                                  for (size_t r = first; r < std::min(rows, first + per_block); ++r)
                                    take_larger(out, row(x.subspan(r * n, n)));
                                  return out;
                                });
}

// q·k and Σ|q||k|, in lanes that a compiler can keep in registers.
template <bool kAbsolute>
ProductSums products(const float* q, const float* k, size_t n) {
  constexpr size_t kLanes = 8;
  std::array<float, kLanes> sums{}, absolute{};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float product = q[i + lane] * k[i + lane];
      sums[lane] += product;
      if constexpr (kAbsolute) absolute[lane] += std::abs(product);
    }
  double sum = 0;
  ProductSums out;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    sum += static_cast<double>(sums[lane]);
    out.absolute += static_cast<double>(absolute[lane]);
  }
  for (; i < n; ++i) {
    const double product = static_cast<double>(q[i]) * static_cast<double>(k[i]);
    sum += product;
    out.absolute += std::abs(product);
  }
  out.product = std::abs(sum);
  return out;
}

}  // namespace

NormSums rms_norm_sums(std::span<const float> x, size_t n, ThreadPool& threads) {
  return over_rows(x, n, threads, [](std::span<const float> row) {
    NormSums out;
    for (const float v : row) {
      const double square = static_cast<double>(v) * static_cast<double>(v);
      out.square = std::max(out.square, square);
      out.square_sum += square;
    }
    return out;
  });
}

NormSums layer_norm_sums(std::span<const float> x, size_t n, ThreadPool& threads) {
  return over_rows(x, n, threads, [](std::span<const float> row) {
    return centred_sums(row.size(), [&](size_t i) { return static_cast<double>(row[i]); });
  });
}

NormSums group_norm_sums(std::span<const float> x, size_t channels, size_t groups, ThreadPool& threads) {
  if (channels == 0 || groups == 0) return {};
  const size_t width = channels / groups, pixels = x.size() / channels;
  return largest_over<NormSums>(static_cast<int64_t>(groups), threads, [&](int64_t group) {
    const size_t first = static_cast<size_t>(group) * width;
    return centred_sums(pixels * width,
                        [&](size_t i) { return static_cast<double>(x[i / width * channels + first + i % width]); });
  });
}

ProductSums largest_products(std::span<const float> q, std::span<const float> k, const RowProducts& rows, bool absolute,
                             ThreadPool& threads) {
  const int64_t d = rows.head_size, heads = rows.heads, kv_heads = rows.kv_heads;
  if (d == 0) return {};
  const auto queries = static_cast<int64_t>(q.size()) / (heads * d),
             keys = static_cast<int64_t>(k.size()) / (kv_heads * d);
  const auto one = absolute ? products<true> : products<false>;
  return largest_over<ProductSums>(heads * queries, threads, [&](int64_t task) {
    const int64_t head = task / queries, row = task % queries, kv_head = head / (heads / kv_heads);
    const KeyRange seen = visible_keys(row, keys, rows.causal, rows.window);
    ProductSums out;
    for (int64_t key = seen.first; key < seen.last; ++key)
      take_larger(out, one(q.data() + (row * heads + head) * d, k.data() + (key * kv_heads + kv_head) * d,
                           static_cast<size_t>(d)));
    return out;
  });
}

double largest_score(std::span<const float> scores, int64_t queries, int64_t keys, const RowProducts& rows) {
  double out = 0;
  const int64_t lines = keys == 0 ? 0 : static_cast<int64_t>(scores.size()) / keys;
  for (int64_t line = 0; line < lines; ++line) {
    const KeyRange seen = visible_keys(line % queries, keys, rows.causal, rows.window);
    for (int64_t key = seen.first; key < seen.last; ++key)
      out = std::max(out, std::abs(static_cast<double>(scores[static_cast<size_t>(line * keys + key)])));
  }
  return out;
}

}  // namespace newbie
