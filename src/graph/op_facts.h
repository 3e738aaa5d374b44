// Facts of an op that passes and studies ask for. Each stands in the op's own file (graph/ops/), in its OpDef.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace newbie {

class Attrs;

// What scaling an op's operands by powers of two does to its result. "True": as the model says, not scaled.
enum class ScaleLaw {
  Chosen,    // a matrix, a convolution, a norm, a table: weights (or a factor) take any scale of operand 0 and give any
  Absorbed,  // a norm without weights, a softmax: operand 0 may have any scale, the result is true
  Carried,   // the scale of one operand, ScaleRule::carrier; the others are true
  Joined,    // operands 0 and 1 have one scale, which is the result's; the others are true
  Product,   // the sum of both operands' log2
  Attention,  // that of v; q and k may have any
  True,       // operands and result are true
};

// One op whose operands come scaled and whose result shall be.
struct Scaling {
  std::span<const int> operands;  // log2 of the scale that each has
  int result = 0;                 // log2 of the scale that the result shall have
  Attrs& attrs;                   // changed in place
  std::vector<int> weights;       // log2 of what operand i, a weight, is to be multiplied with; 0 for all at first
};

struct ScaleRule {
  ScaleLaw law = ScaleLaw::True;
  size_t carrier = 0;                           // of ScaleLaw::Carried
  void (*take_up)(Scaling& scaling) = nullptr;  // how attributes and weights do that (Chosen, Absorbed, Attention)
  size_t with_weights = 0;  // Chosen, for an op that may have no weights: how many operands it has with them. With
                            // fewer its law is Absorbed
};

// What an op adds up or raises on the way to its result: where numbers may leave a format that none of its operands
// leaves.
enum class InsideSums {
  None,
  RmsNorm,    // squares of groups as long as a weight
  LayerNorm,  // squares and sums of rows
  GroupNorm,  // the same of groups of channels
  Columns,    // sums of columns
  Products,   // of a row and the weights
  Softmax,    // scaled scores
  Attention,  // products of a query and a key
};
struct InsideRule {
  InsideSums sums = InsideSums::None;
  size_t operand = 0;  // that it norms, raises or multiplies; of attention this and the next
  size_t weight = 1;   // of RmsNorm: the weight
};

}  // namespace newbie
