#include "graph/ops/cast.h"

namespace newbie {

const OpDef cast_op{.name = "cast",
                    .numeric_class = NumericClass::Cast,
                    .infer = [](std::span<const Value> in, const Attrs&) { return in[0].shape(); }};

}  // namespace newbie
