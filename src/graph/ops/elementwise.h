// Element-wise functions of one value, and sums and products of two.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef silu_op, gelu_tanh_op, gelu_erf_op, tanh_op, relu_op, add_scalar_op, mul_scalar_op, add_op, mul_op,
    silu_gradient_op;

Value silu(Value x);       // x · σ(x)
Value gelu_tanh(Value x);  // 0.5 x (1 + tanh(√(2/π)(x + 0.044715 x³)))
Value gelu_erf(Value x);   // 0.5 x (1 + erf(x / √2))
Value tanh(Value x);
Value relu(Value x);  // max(x, 0)
Value add_scalar(Value x, double scalar);
Value mul_scalar(Value x, double scalar);
Value silu_gradient(Value x, Value dy);  // dy ⊙ silu'(x), silu'(x) = σ(x) (1 + x (1 − σ(x)))

// b has a's shape, or is one row of a's last extent ([C] or [1, C]) used for every row of a.
Value add(Value a, Value b, std::string path = {});
Value mul(Value a, Value b, std::string path = {});

// True when `b` is one row for every row of `a` (and not of a's very shape).
bool broadcasts_row(const Shape& a, const Shape& b);

}  // namespace newbie
