#include "ops/op_case.h"

#include "core/float_formats.h"
#include "support/close.h"

namespace newbie::test {

namespace {

DType dtype_of(const Operand& o, const CaseDTypes& d) {
  switch (o.role) {
    case Role::Operand:
    case Role::Matrix: return d.operands;
    case Role::Parameter:
    case Role::Scale: return DType::F32;
    case Role::Ids: return DType::I32;
  }
  return DType::F32;
}

bool is_weight(const Operand& o) { return o.role == Role::Matrix || o.role == Role::Scale; }

}  // namespace

std::vector<CaseDTypes> dtypes_for(const OpCase& c) {
  std::vector<CaseDTypes> rows{{"f32", DType::F32, DType::F32, DType::F32},
                               {"bf16", DType::BF16, DType::BF16, DType::BF16},
                               {"f16", DType::F16, DType::F16, DType::F16}};
  if (c.op->numeric_class != NumericClass::Movement) {
    rows.push_back({"bf16 to f32", DType::BF16, DType::F32, DType::BF16});
    rows.push_back({"f32 to bf16", DType::F32, DType::BF16, DType::F32});
  }
  return rows;
}

Graph op_graph(const OpCase& c, const CaseDTypes& dtypes) {
  Graph g;
  std::vector<Value> operands;
  for (const Operand& o : c.operands) {
    const Value v = is_weight(o)
                        ? g.weight(o.name, o.tensor.shape)
                        : g.input(o.name, o.tensor.shape, o.role == Role::Ids ? Element::Index : Element::Real);
    g.node(v.id()).precision.storage = dtype_of(o, dtypes);
    operands.push_back(v);
  }
  const Value y = g.emit(*c.op, operands, c.attrs, "y");
  g.node(y.id()).precision = {dtypes.result, dtypes.compute, DType::F32};
  g.output("y", y);
  return g;
}

Tensors inputs_of(const OpCase& c) {
  Tensors out;
  for (const Operand& o : c.operands)
    if (!is_weight(o)) out[o.name] = o.tensor;
  return out;
}

MemoryWeights weights_of(const OpCase& c) {
  MemoryWeights out;
  for (const Operand& o : c.operands)
    if (is_weight(o)) out.add(o.name, o.tensor);
  return out;
}

Expected expected(const OpCase& c, const CaseDTypes& dtypes) {
  std::vector<Doubles> operands;
  for (const Operand& o : c.operands) {
    const DType dtype = dtype_of(o, dtypes);
    Doubles values;
    for (float v : o.tensor.values) values.push_back(static_cast<double>(dtype == DType::I32 ? v : round_to(dtype, v)));
    operands.push_back(std::move(values));
  }
  return c.formula(operands, dtypes.compute);
}

Doubles bound(const OpCase& c, const CaseDTypes& dtypes, const Expected& e, DType accumulate) {
  Doubles out(e.value.size(), 0.0);
  if (c.op->numeric_class == NumericClass::Movement) return out;  // the same bytes
  const DType arithmetic = c.float_arithmetic ? DType::F32 : accumulate;
  const double relative =
      gamma(c.steps, arithmetic) + (dtypes.compute == DType::F32 ? 0.0 : gamma(c.compute_steps, dtypes.compute));
  for (size_t i = 0; i < out.size(); ++i) {
    const double on_the_way = relative * e.magnitude[i];
    out[i] = on_the_way + storage_error(dtypes.result, std::abs(e.value[i]) + on_the_way);
  }
  return out;
}

}  // namespace newbie::test
