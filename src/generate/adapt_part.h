// Adapters laid over one part of a model: what its graphs are rewritten by, and the weights that this brings.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/change.h"
#include "adapters/read.h"
#include "compile/attach_adapters.h"
#include "weights/layered_weights.h"
#include "weights/weight_store.h"

namespace newbie {

// How strongly an adapter is used: W + strength · (W' − W).
struct AdapterStrength {
  double all = 1;
  // Weights whose path, or module, a glob holds for ("layers.0.*", "*.attention", "text_encoder") have another one; the
  // last that holds counts.
  std::vector<std::pair<std::string, double>> blocks;

  double of(const AdapterChange& change) const;
};

struct UsedAdapter {
  std::shared_ptr<const Adapter> adapter;
  AdapterStrength strength;
};

enum class AdapterMode {
  RunTime,  // beside the weights, which stay as they are: exact over 8-bit numbers, too
  Merged,   // into the weights, in f32, rounded once to what they are computed in
};

struct AdaptedPart {
  AttachedAdapters attached;  // for CompileOptions
  WeightStore weights;        // what `attached` names; under names that tell these adapters and strengths from others
  std::string tag;            // tells this part as adapted from any other; empty when nothing is changed
};

// A part as adapted, and the weights that its programs read. The base must outlive it.
class AdaptedWeights {
 public:
  AdaptedWeights(const WeightStore& base, AdaptedPart part) : part_(std::move(part)), layered_(base, part_.weights) {}
  AdaptedWeights(const AdaptedWeights&) = delete;

  const AttachedAdapters& attached() const { return part_.attached; }
  const WeightStore& added() const { return part_.weights; }
  const WeightSource& source() const { return layered_; }
  const std::string& tag() const { return part_.tag; }
  bool adds(std::string_view weight) const { return part_.weights.find(weight).has_value(); }

 private:
  AdaptedPart part_;
  LayeredWeights layered_;
};

// In the order of `used`, each on what the earlier ones left. A change of strength 0 is none. Low-rank changes stay
// low-rank, LoKr stays a product, DoRA by outputs is factors of rows and a low-rank sum; everything else becomes its
// difference, computed in f32 when it is prepared. `base` must outlive the result.
AdaptedPart adapt_part(const WeightStore& base, AdapterPart part, std::span<const UsedAdapter> used, AdapterMode mode);

// What part of the changed numbers would stay as they are if the changed weights were kept as 8-bit numbers with a
// scale a row: 0 to 1. Reads all of them.
double share_lost_in_int8(const WeightStore& base, AdapterPart part, std::span<const UsedAdapter> used);

}  // namespace newbie
