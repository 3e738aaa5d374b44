#include "train/optimizer.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "train/optimizers/adamw8bit.h"
#include "train/optimizers/dynamic_codes.h"

namespace newbie {

namespace {

constexpr std::pair<OptimizerKind, std::string_view> kOptimizers[] = {{OptimizerKind::AdamW, "AdamW"},
                                                                      {OptimizerKind::AdamW8bit, "AdamW8bit"},
                                                                      {OptimizerKind::Lion, "Lion"},
                                                                      {OptimizerKind::Adafactor, "Adafactor"}};

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// A parameter as a matrix: rows and columns.
std::pair<int64_t, int64_t> matrix_of(const Shape& shape) {
  return shape.rank() < 2 ? std::pair<int64_t, int64_t>{1, static_cast<int64_t>(shape.elements())}
                          : std::pair<int64_t, int64_t>{shape.rows(), shape.last()};
}

}  // namespace

std::string_view to_string(OptimizerKind kind) {
  for (const auto& [k, name] : kOptimizers)
    if (k == kind) return name;
  return "?";
}

std::optional<OptimizerKind> find_optimizer_kind(std::string_view name) {
  for (const auto& [kind, known] : kOptimizers)
    if (same_letters(known, name)) return kind;
  return std::nullopt;
}

Optimizer::Optimizer(const OptimizerOptions& options, const Parameters& parameters) : options_(options) {
  for (const Parameter& p : parameters.all()) {
    first_.push_back(states_.size());
    add_moments(p);
  }
}

void Optimizer::add(const std::string& name, DType dtype, size_t count) {
  const TensorSpec spec{{static_cast<int64_t>(count)}, dtype};
  states_.push_back({name, spec, std::vector<std::byte>(spec.bytes())});
}

void Optimizer::add_moments(const Parameter& p) {
  const size_t count = p.values.size();
  switch (options_.kind) {
    case OptimizerKind::AdamW8bit:
      if (count >= kFewestCoded) {
        add(p.name + ".m", DType::U8, count);
        add(p.name + ".v", DType::U8, count);
        add(p.name + ".m_scales", DType::F32, code_blocks(count));
        add(p.name + ".v_scales", DType::F32, code_blocks(count));
        State* s = &states_[states_.size() - 4];
        clear(CodedMoments{s[0].codes(), s[1].codes(), s[2].floats(), s[3].floats()});
        return;
      }
      [[fallthrough]];
    case OptimizerKind::AdamW:
      add(p.name + ".m", DType::F32, count);
      add(p.name + ".v", DType::F32, count);
      return;
    case OptimizerKind::Lion: add(p.name + ".m", DType::F32, count); return;
    case OptimizerKind::Adafactor: {
      const auto [rows, columns] = matrix_of(p.shape);
      add(p.name + ".v", DType::F32, adafactor_state(rows, columns));
      return;
    }
  }
}

void Optimizer::step(Parameters& parameters, const Tensors32& gradients, double lr) {
  if (gradients.size() != first_.size())
    fail(ErrorKind::Internal, "{} gradients for {} parameters", gradients.size(), first_.size());
  ++steps_;
  for (size_t i = 0; i < gradients.size(); ++i) {
    Parameter& p = parameters.all()[i];
    State* s = &states_[first_[i]];
    const std::span<float> w(p.values);
    switch (options_.kind) {
      case OptimizerKind::AdamW8bit:
        if (w.size() >= kFewestCoded) {
          adamw8bit(w, gradients[i], {s[0].codes(), s[1].codes(), s[2].floats(), s[3].floats()}, options_.adamw, lr,
                    steps_);
          break;
        }
        [[fallthrough]];
      case OptimizerKind::AdamW:
        adamw(w, gradients[i], {s[0].floats(), s[1].floats()}, options_.adamw, lr, steps_);
        break;
      case OptimizerKind::Lion: lion(w, gradients[i], s[0].floats(), options_.lion, lr); break;
      case OptimizerKind::Adafactor: {
        const auto [rows, columns] = matrix_of(p.shape);
        room_.resize(std::max(room_.size(), w.size()));
        adafactor(w, gradients[i], rows, columns, s[0].floats(), std::span(room_).first(w.size()), options_.adafactor,
                  lr, steps_);
        break;
      }
    }
  }
}

}  // namespace newbie
