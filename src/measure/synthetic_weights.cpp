#include "measure/synthetic_weights.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/float_formats.h"
#include "core/scaled_weight.h"
#include "core/split_mix.h"
#include "graph/ops/sources.h"

namespace newbie {

namespace {

// FNV-1a.
uint64_t hash_of(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

void SyntheticWeights::add(const Graph& graph, DType stored, bool offset_norms) {
  for (int id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    if (n.op != &weight_op) continue;
    const std::string& name = n.paths.front();
    Entry entry{.spec = {n.shape, stored}};
    if (n.shape.rank() >= 2) {
      const bool table = name.find("embed_tokens") != std::string::npos || name.find("embeddings") != std::string::npos;
      const auto inputs =
          static_cast<double>(table ? n.shape.last() : n.shape.elements() / static_cast<size_t>(n.shape[0]));
      entry.spread = static_cast<float>(std::sqrt(3.0 / inputs));
    } else {
      const bool norm = name.ends_with("weight");
      const bool gate = name.find("adaLN_modulation") != std::string::npos;
      entry.middle = norm && !offset_norms ? 1.0f : gate ? 0.3f : 0.0f;
      entry.spread = 0.05f;
    }
    entries_.emplace(name, entry);
  }
}

std::vector<std::string> SyntheticWeights::names() const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : entries_) out.push_back(name);
  return out;
}

std::optional<TensorSpec> SyntheticWeights::find(std::string_view name) const {
  const auto it = entries_.find(parse_scaled_weight(name).name);
  return it == entries_.end() ? std::nullopt : std::optional(it->second.spec);
}

ConstTensorView SyntheticWeights::mapped(std::string_view) const { return {}; }

const SyntheticWeights::Entry& SyntheticWeights::at(std::string_view name) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) fail(ErrorKind::Internal, "{}: no such made-up weight", name);
  return it->second;
}

void SyntheticWeights::fill(const Entry& entry, std::string_view name, size_t first, size_t count, DType dtype,
                            std::byte* destination) {
  const uint64_t seed = hash_of(name);
  std::array<float, 1024> values;
  for (size_t done = 0; done < count; done += values.size()) {
    const size_t now = std::min(values.size(), count - done);
    for (size_t i = 0; i < now; ++i) {
      const auto bits = static_cast<int32_t>(split_mix(seed + first + done + i) >> 32);
      values[i] = entry.middle + entry.spread * (static_cast<float>(bits) * 0x1p-31f);
    }
    convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), dtype, destination + done * size_of(dtype),
            now);
  }
}

void SyntheticWeights::read(std::string_view name, DType dtype, std::byte* destination) const {
  const ScaledWeight weight = parse_scaled_weight(name);
  Entry entry = at(weight.name);
  const auto fill_rows = [&](size_t first_row, size_t end_row, int log2) {
    Entry scaled = entry;
    scaled.middle = std::ldexp(entry.middle, log2);
    scaled.spread = std::ldexp(entry.spread, log2);
    const size_t row = entry.spec.shape.elements() / static_cast<size_t>(entry.spec.shape[0]), first = first_row * row;
    fill(scaled, weight.name, first, end_row * row - first, dtype, destination + first * size_of(dtype));
  };
  if (entry.spec.shape.elements() == 0) return;
  fill_rows(0, static_cast<size_t>(entry.spec.shape[0]), weight.log2);
  for (const RowScale& rows : weight.rows)  // they do not overlap
    fill_rows(static_cast<size_t>(rows.begin), static_cast<size_t>(rows.end), weight.log2 + rows.log2);
}

void SyntheticWeights::read_part(std::string_view name, size_t first, size_t count, std::byte* destination) const {
  const Entry& entry = at(name);
  fill(entry, name, first, count, entry.spec.dtype, destination);
}

}  // namespace newbie
