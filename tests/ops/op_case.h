// One op on made-up operands, with its meaning written a second time in double: what reference, cpu and decomposition
// are held against.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "support/tensors.h"

namespace newbie::test {

using Doubles = std::vector<double>;

enum class Role {
  Operand,    // an input in the dtype under test
  Parameter,  // an input that stays F32: rotary tables, a time
  Ids,
  Matrix,  // a weight in the dtype under test: matmuls, convolutions, tables
  Scale,   // a weight that stays F32: biases, norm weights
};

struct Operand {
  std::string name;
  Role role = Role::Operand;
  Tensor tensor;
};

struct Expected {
  Doubles value;
  // A relative error e in any number on the way moves the result by at most e · magnitude (see support/close.h).
  Doubles magnitude;
};

struct OpCase {
  std::string name;
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<Operand> operands;
  // The result for these operand values; `compute` is the op's compute dtype.
  std::function<Expected(const std::vector<Doubles>& operands, DType compute)> formula;
  double steps = 0;               // roundings to the accumulator's dtype that a kernel makes one after another
  double compute_steps = 0;       // roundings to the compute dtype inside the op
  double stored_roundings = 0;    // results that the decomposition stores on the way
  bool float_arithmetic = false;  // the reference too computes in float, as the op's definition says
};

// The dtypes that a case is run in.
struct CaseDTypes {
  std::string name;
  DType operands = DType::F32, result = DType::F32, compute = DType::F32;
};
std::vector<CaseDTypes> dtypes_for(const OpCase& c);

// The graph of this op alone: output "y", its dtypes as given.
Graph op_graph(const OpCase& c, const CaseDTypes& dtypes);
Tensors inputs_of(const OpCase& c);
MemoryWeights weights_of(const OpCase& c);

// The formula on the operands as they are stored in `dtypes`.
Expected expected(const OpCase& c, const CaseDTypes& dtypes);

// How far a kernel that accumulates in `accumulate` may be from the formula.
Doubles bound(const OpCase& c, const CaseDTypes& dtypes, const Expected& e, DType accumulate);

}  // namespace newbie::test
