// Functions of one element of each operand. A result may take over the memory of its first operand.
#pragma once

#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

enum class Function { Itself, Silu, GeluTanh, GeluErf, Tanh, Relu, AddScalar, MulScalar };  // Itself: a change of dtype

// y[i] = f(x[i]) for i < count; `scalar` is AddScalar's and MulScalar's.
void map_elements(Function f, float scalar, Source x, size_t count, Target y);

// The gated ones: f(a) · b. SiluGradient is one of them, f being silu'.
enum class Pairing { Sum, Product, Swiglu, GegluTanh, SiluGradient };

// y[i] = a[i] with b[i] for i < count; the gated ones want a and b in one dtype.
void combine_elements(Pairing p, Source a, Source b, size_t count, Target y);

// Rows of `width` with one f32 row for all of them.
void add_row(Source x, const float* row, size_t rows, size_t width, Target y);      // y = x + row
void scale_rows(Source x, const float* gain, size_t rows, size_t width, Target y);  // y = x ⊙ gain
void add_scaled_rows(Source base, Source x, const float* gain, size_t rows, size_t width,
                     Target y);  // y = base + x ⊙ gain

}  // namespace newbie::cpu
