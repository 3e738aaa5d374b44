// Every op, one header each; all_ops() is the written-out list for tests, printing and backends.
#pragma once

#include <span>

#include "graph/ops/attention.h"
#include "graph/ops/banded_conv2d.h"
#include "graph/ops/cast.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/dropout.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/embedding.h"
#include "graph/ops/gated_activation.h"
#include "graph/ops/group_norm_silu.h"
#include "graph/ops/linear.h"
#include "graph/ops/linear_add.h"
#include "graph/ops/modulation.h"
#include "graph/ops/movement.h"
#include "graph/ops/norms.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/rope.h"
#include "graph/ops/sources.h"
#include "graph/ops/sums.h"

namespace newbie {

std::span<const OpDef* const> all_ops();

}  // namespace newbie
