// attention, the softmax it is made of, and that softmax's gradient. Scores and softmax in double; with a narrower
// compute dtype the probabilities are rounded to it before they multiply v, as flash attention does.
#include "graph/ops/attention.h"

#include <cmath>

#include "backend/reference/dot.h"

namespace newbie::reference {

namespace {

// scores -> probabilities over `keys`; entries outside are left alone.
void softmax(double* scores, KeyRange keys, double scale, const Inside& r) {
  if (keys.first >= keys.last) return;
  double* first = scores + keys.first;
  double* last = scores + keys.last;
  for (double* s = first; s < last; ++s) *s = r(*s * scale);
  const double largest = *std::max_element(first, last);
  double sum = 0;
  for (double* s = first; s < last; ++s) sum = r(sum + (*s = r(std::exp(r(*s - largest)))));
  for (double* s = first; s < last; ++s) *s = r(*s / sum);
}

}  // namespace

Loops attention_loops(const KernelRequest& request) {
  constexpr int64_t kQueries = 16;  // that share one reading of the keys
  const int64_t heads = request.attrs.integer("heads"), kv_heads = request.attrs.integer("kv_heads");
  const int64_t queries = request.inputs[0].shape[0], keys = request.inputs[1].shape[0];
  const int64_t d = request.inputs[0].shape[1] / heads;
  const double scale = request.attrs.real("scale");
  const bool causal = request.attrs.integer("causal") != 0;
  const int64_t window = request.attrs.integer("window");
  const DType compute = request.precision.compute;
  const Inside r(request.precision.accumulate);

  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    const int64_t blocks = ceil_div(queries, kQueries);
    args.threads.run(heads * blocks, [&](int64_t task, int worker) {
      const int64_t head = task / blocks, kv_head = head / (heads / kv_heads);
      const int64_t first = task % blocks * kQueries, last = std::min(queries, first + kQueries);
      double* q = scratch.of(worker);
      double* out = q + kQueries * d;
      double* line = out + kQueries * d;  // one row of k or v
      double* p = line + d;

      const auto for_visible = [&](size_t input, const auto& f) {  // f(row of the block, key)
        for (int64_t key = 0; key < keys; ++key) {
          read(args.inputs[input], static_cast<size_t>((key * kv_heads + kv_head) * d), static_cast<size_t>(d), line);
          for (int64_t row = first; row < last; ++row) {
            const KeyRange range = visible_keys(row, keys, causal, window);
            if (range.first <= key && key < range.last) f(row - first, key);
          }
        }
      };

      for (int64_t row = first; row < last; ++row)
        read(args.inputs[0], static_cast<size_t>((row * heads + head) * d), static_cast<size_t>(d),
             q + (row - first) * d);
      for_visible(1, [&](int64_t i, int64_t key) { p[i * keys + key] = dot(q + i * d, line, d, r); });
      for (int64_t row = first; row < last; ++row)
        softmax(p + (row - first) * keys, visible_keys(row, keys, causal, window), scale, r);
      std::fill(out, out + kQueries * d, 0.0);
      for_visible(2, [&](int64_t i, int64_t key) {
        const double weight = compute == DType::F32 ? p[i * keys + key] : rounded(compute, p[i * keys + key]);
        for (int64_t c = 0; c < d; ++c) out[i * d + c] = r(out[i * d + c] + weight * line[c]);
      });
      for (int64_t row = first; row < last; ++row)
        write(args.output, static_cast<size_t>((row * heads + head) * d), static_cast<size_t>(d),
              out + (row - first) * d);
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(kQueries * (2 * d + keys) + d)};
}

Loops attention_softmax_loops(const KernelRequest& request) {
  const Shape shape = request.output.shape;
  const int64_t queries = shape[1], keys = shape[2];
  const double scale = request.attrs.real("scale");
  const bool causal = request.attrs.integer("causal") != 0;
  const int64_t window = request.attrs.integer("window");
  const Inside r(request.precision.accumulate);

  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, shape.rows(), rows_per_task(keys), [&](int64_t first, int64_t last, int worker) {
      double* p = scratch.of(worker);
      for (int64_t row = first; row < last; ++row) {
        read(args.inputs[0], static_cast<size_t>(row * keys), static_cast<size_t>(keys), p);
        const KeyRange range = visible_keys(row % queries, keys, causal, window);
        softmax(p, range, scale, r);
        std::fill(p, p + range.first, 0.0);
        std::fill(p + range.last, p + keys, 0.0);
        write(args.output, static_cast<size_t>(row * keys), static_cast<size_t>(keys), p);
      }
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(keys), .in_place_input = 0};
}

Loops attention_softmax_gradient_loops(const KernelRequest& request) {
  const int64_t rows = request.output.shape.rows(), keys = request.output.shape.last();
  const double scale = request.attrs.real("scale");
  const Inside r(request.precision.accumulate);
  const auto run = [=](const KernelArgs& args, const WorkerScratch& scratch) {
    for_blocks(args.threads, rows, rows_per_task(keys), [&](int64_t first, int64_t last, int worker) {
      double* p = scratch.of(worker);
      double* dp = p + keys;
      for (int64_t row = first; row < last; ++row) {
        const auto at = static_cast<size_t>(row * keys), n = static_cast<size_t>(keys);
        read(args.inputs[0], at, n, p);
        read(args.inputs[1], at, n, dp);
        double along = 0;
        for (size_t i = 0; i < n; ++i) along = r(along + r(p[i] * dp[i]));
        for (size_t i = 0; i < n; ++i) dp[i] = r(scale * r(p[i] * r(dp[i] - along)));
        write(args.output, at, n, dp);
      }
    });
  };
  return {.run = run, .doubles_per_worker = static_cast<size_t>(2 * keys), .in_place_input = 1};
}

}  // namespace newbie::reference
