// What an adapter is, whatever file it came from: a list of changes, each of one weight, as the factors they are made
// of. Reading (read.h) makes such a list, writing (write.h) takes one; what it does to weights is in change.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/shape.h"
#include "models/next_dit/config.h"
#include "weights/weight_store.h"

namespace newbie {

enum class AdapterPart { Transformer, TextEncoder };
std::string_view to_string(AdapterPart part);  // "transformer", "text_encoder"

// How the change Δ [rows, columns] of a weight follows from its factors, before `scale`.
enum class ChangeKind {
  LowRank,      // up · down                    down [r, columns], up [rows, r]: LoRA
  Kronecker,    // kron(w1, w2)                 w1 [a, b], w2 [rows / a, columns / b]: LoKr
  Hadamard,     // (w1_a w1_b) ⊙ (w2_a w2_b)    [rows, r], [r, columns], twice: LoHa
  Difference,   // the factor itself            of the shape it changes
  Replacement,  // the factor − W               the same
};
std::string_view to_string(ChangeKind kind);  // "LoRA", "LoKr", "LoHa", "difference", "replacement"

// DoRA: with V = W + scale · Δ the weight becomes magnitude / ‖V‖ · V, norms over the other axis.
struct Magnitude {
  DerivedTensor values;   // one an output row of the weight, or one an input column
  bool by_input = false;  // an input column
};

struct AdapterChange {
  AdapterPart part = AdapterPart::Transformer;
  std::string weight;  // as the checkpoint calls it: "layers.0.attention.qkv.weight", "time_text_embed.1.bias"
  Shape shape;         // of that weight: a matrix or a vector
  // What it changes of it: rows [first_row, first_row + rows) of a matrix (q, k or v of attention.qkv), elements of a
  // vector.
  int64_t first_row = 0, rows = 0;
  ChangeKind kind = ChangeKind::LowRank;
  std::vector<DerivedTensor> factors;  // in the order above; f32 when read
  double scale = 1;                    // alpha / rank, or what the file's rule makes of them
  std::optional<Magnitude> magnitude;  // values are those of its rows
  std::string key;                     // the module as the file calls it, for messages

  int64_t rank() const;  // of LoRA and LoHa; 0 for the other kinds
  int64_t columns() const { return shape.rank() == 2 ? shape[1] : 1; }
  bool whole() const { return first_row == 0 && rows == shape[0]; }
};

// The model an adapter is read against: its weights' shapes, and how attention.qkv is cut.
struct AdapterBase {
  using Weights = std::map<std::string, Shape, std::less<>>;
  Weights transformer, text_encoder;  // by canonical name; a part that is not there is empty
  int64_t q_rows = 0, kv_rows = 0;    // of the transformer's attention.qkv: q, then k, then v

  const Weights& weights(AdapterPart part) const {
    return part == AdapterPart::Transformer ? transformer : text_encoder;
  }
};

// That of an opened model; without a text encoder, changes of one are refused.
AdapterBase adapter_base(const WeightStore& transformer, const NextDitConfig& sizes, const WeightStore* text_encoder);

// A LoRA of a whole matrix: `down` [r, columns], `up` [rows, r], W' = W + alpha / r · up · down. Error{Internal} when
// shapes do not fit.
AdapterChange low_rank_change(AdapterPart part, std::string weight, const Shape& shape, DerivedTensor down,
                              DerivedTensor up, double alpha);

// Tensors in memory: one that keeps its values, and one of values that outlive it.
DerivedTensor held_tensor(const Shape& shape, std::vector<float> values);
DerivedTensor viewed_tensor(const Shape& shape, std::span<const float> values);

// All of a tensor.
std::vector<float> values_of(const DerivedTensor& tensor);

// Rows [first, first + count) of a matrix, or elements of a vector.
DerivedTensor rows_of(const DerivedTensor& tensor, int64_t first, int64_t count);

}  // namespace newbie
