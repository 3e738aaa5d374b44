#include "graph/ops/group_norm_silu.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/norms.h"

namespace newbie {

const OpDef group_norm_silu_op{
    .name = "group_norm_silu",
    .numeric_class = NumericClass::Norm,
    .infer = [](std::span<const Value> in, const Attrs& attrs) { return group_norm_op.infer(in, attrs); },
    .decompose =
        [](std::span<const Value> in, const Attrs& attrs) {
          return silu(in[0].graph().emit(group_norm_op, {in[0], in[1], in[2]}, attrs));
        },
    .inside = {InsideSums::GroupNorm}};

}  // namespace newbie
