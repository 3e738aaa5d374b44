#include "graph/ops/cast.h"

#include "graph/ops/require.h"

namespace newbie {

const OpDef cast_op{
    .name = "cast", .numeric_class = NumericClass::Cast, .infer = [](std::span<const Value> in, const Attrs&) {
      require_inputs(in, 1);
      return in[0].shape();
    }};

}  // namespace newbie
