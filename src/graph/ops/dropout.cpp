#include "graph/ops/dropout.h"

#include <cmath>

#include "graph/ops/require.h"

namespace newbie {

const OpDef dropout_op{.name = "dropout",
                       .numeric_class = NumericClass::Activation,
                       .infer =
                           [](std::span<const Value> in, const Attrs& attrs) {
                             require_inputs(in, 2);
                             require_shape(in[1], {8}, "key");
                             const double p = attrs.real("p");
                             require(p >= 0 && p < 1, fmt::format("p = {}", p));
                             return in[0].shape();
                           },
                       .gradient = [](const GradientCall& call, Value dy) -> Gradients {  // the same mask
                         return {dropout(dy, call.inputs[1], call.attrs.real("p"), call.attrs.integer("stream")), {}};
                       },
                       .rescale = {ScaleLaw::Carried}};

Value dropout(Value x, Value key, double p, int64_t stream) {
  return x.graph().emit(dropout_op, {x, key}, {{"p", p}, {"stream", stream}});
}

std::array<float, 8> dropout_key_values(uint64_t key) {
  std::array<float, 8> out{};
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>((key >> (8 * i)) & 0xff);
  return out;
}

DropoutMask::DropoutMask(std::span<const double> key_values, double p, int64_t stream)
    : threshold_(static_cast<uint64_t>(std::round(p * 0x1p32))) {
  uint64_t key = 0;
  for (size_t i = 0; i < key_values.size(); ++i) key |= static_cast<uint64_t>(key_values[i]) << (8 * i);
  start_ =
      split_mix_finaliser(split_mix(key) + static_cast<uint64_t>(stream) * kSplitMixIncrement) + kSplitMixIncrement;
}

}  // namespace newbie
