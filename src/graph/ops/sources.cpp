#include "graph/ops/sources.h"

namespace newbie {

const OpDef input_op{.name = "input", .numeric_class = NumericClass::Source};
const OpDef weight_op{.name = "weight", .numeric_class = NumericClass::Source};
const OpDef constant_op{.name = "constant", .numeric_class = NumericClass::Source};

}  // namespace newbie
