// Parameters before the first step, and DoRA's norms at every one.
#include <cmath>

#include "core/error.h"
#include "graph/ops/sources.h"
#include "train/adapters.h"
#include "train/draw.h"

namespace newbie {

namespace {

std::vector<float> read_f32(const WeightSource& source, const std::string& name, const Shape& shape) {
  const auto spec = source.find(name);
  if (!spec || !(spec->shape == shape))
    fail(ErrorKind::BadFile, "weight {}: expected {}, {}", name, shape.str(),
         spec ? "got " + spec->shape.str() : "it is not there");
  std::vector<float> out(shape.elements());
  source.read(name, DType::F32, reinterpret_cast<std::byte*>(out.data()));
  return out;
}

Parameter zeros(std::string name, const Shape& shape) {
  return {std::move(name), shape, std::vector<float>(shape.elements())};
}

std::span<const float> values(const Parameters& trained, const std::string& name) {
  const Parameter* p = trained.find(name);
  if (p == nullptr) fail(ErrorKind::Internal, "parameter {} is not there", name);
  return p->values;
}

}  // namespace

Parameters initial_parameters(std::span<const AdaptedModule> modules, const WeightSource& base, uint64_t seed) {
  std::vector<Parameter> out;
  const auto drawn = [&](std::string name, const Shape& shape) {
    Parameter p = zeros(std::move(name), shape);
    Draw draw(seed, DrawFor::Initial, out.size());
    const double bound = 1.0 / std::sqrt(static_cast<double>(shape[1]));
    for (float& x : p.values) x = static_cast<float>((2.0 * draw.uniform() - 1.0) * bound);
    out.push_back(std::move(p));
  };
  for (const AdaptedModule& m : modules) {
    if (m.kind == TrainingKind::Lokr) {
      drawn(m.name + ".lokr_w1", {m.outer_rows, m.outer_columns});
      if (m.rank == 0) {
        out.push_back(zeros(m.name + ".lokr_w2", {m.inner_rows(), m.inner_columns()}));
      } else {
        drawn(m.name + ".lokr_w2_a", {m.inner_rows(), m.rank});
        out.push_back(zeros(m.name + ".lokr_w2_b", {m.rank, m.inner_columns()}));
      }
      continue;
    }
    drawn(m.name + ".lora_A.weight", {m.rank, m.columns});
    out.push_back(zeros(m.name + ".lora_B.weight", {m.rows, m.rank}));
    if (m.kind != TrainingKind::Dora) continue;
    Parameter magnitude = zeros(m.name + ".lora_magnitude_vector", {m.rows});
    const std::vector<float> w = read_f32(base, m.name + ".weight", {m.rows, m.columns});
    for (int64_t row = 0; row < m.rows; ++row) {
      double squares = 0;
      for (int64_t i = 0; i < m.columns; ++i) {
        const auto x = static_cast<double>(w[static_cast<size_t>(row * m.columns + i)]);
        squares += x * x;
      }
      magnitude.values[static_cast<size_t>(row)] = static_cast<float>(std::sqrt(squares));
    }
    out.push_back(std::move(magnitude));
  }
  return Parameters(std::move(out));
}

Parameters whole_network(const Graph& graph, const WeightSource& base) {
  std::vector<Parameter> out;
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    if (n.op != &weight_op) continue;
    out.push_back({n.paths.front(), n.shape, read_f32(base, n.paths.front(), n.shape)});
  }
  return Parameters(std::move(out));
}

std::vector<float> inverse_row_norms(const AdaptedModule& m, const WeightSource& base, const Parameters& trained) {
  const std::vector<float> w = read_f32(base, m.name + ".weight", {m.rows, m.columns});
  const std::span<const float> a = values(trained, m.name + ".lora_A.weight");
  const std::span<const float> b = values(trained, m.name + ".lora_B.weight");
  const auto columns = static_cast<size_t>(m.columns), rank = static_cast<size_t>(m.rank);
  std::vector<float> out(static_cast<size_t>(m.rows));
  std::vector<double> row(columns);
  for (size_t r = 0; r < out.size(); ++r) {
    for (size_t i = 0; i < columns; ++i) row[i] = static_cast<double>(w[r * columns + i]);
    for (size_t k = 0; k < rank; ++k) {
      const double by = m.scale * static_cast<double>(b[r * rank + k]);
      for (size_t i = 0; i < columns; ++i) row[i] += by * static_cast<double>(a[k * columns + i]);
    }
    double squares = 0;
    for (double x : row) squares += x * x;
    out[r] = static_cast<float>(1.0 / std::sqrt(squares));
  }
  return out;
}

}  // namespace newbie
