// A low-rank product near a matrix, and an adapter out of the difference of two models.
#pragma once

#include "adapters/adapter.h"
#include "core/parallel.h"
#include "core/stop_token.h"

namespace newbie {

struct LowRankApproximation {
  DerivedTensor down, up;  // [r, columns], [rows, r], balanced: each carries the root of the singular values
  double error = 0;        // ‖Δ − up · down‖ / ‖Δ‖, Frobenius; 0 for a matrix of zeros
};

// The product of rank min(rank, rows, columns) nearest to `delta` that subspace iteration finds (Halko, Martinsson and
// Tropp 2011, algorithm 4.4, from a fixed start): exact when delta has no higher rank. Holds delta once in f32.
LowRankApproximation low_rank_near(const DerivedTensor& delta, int64_t rank, ThreadPool& threads);

struct Extraction {
  int64_t rank = 0;  // 0: whole differences
  // Told after each weight that differs: its name, and what is lost of it (0 for a whole difference).
  std::function<void(const std::string& weight, double error)> on_weight;
  StopToken stop = {};  // asked between weights: Error{Cancelled}
};

struct Extracted {
  std::vector<AdapterChange> changes;  // matrices as asked for; vectors as whole differences
  size_t unchanged = 0;                // weights that are the same in both
  double error = 0;                    // ‖all that is lost‖ / ‖all differences‖
};

// What turns `from` into `to`, two models of one architecture: changes of `part`. Error{BadFile} when a weight is in
// one of them alone or has another shape. Factors are held in memory.
Extracted extract_adapter(AdapterPart part, const WeightStore& from, const WeightStore& to, const Extraction& how,
                          ThreadPool& threads);

}  // namespace newbie
