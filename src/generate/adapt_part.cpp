#include "generate/adapt_part.h"

#include <algorithm>
#include <cmath>

#include "adapters/row_fill.h"
#include "compile/precision.h"
#include "core/quantise.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

using ChangesByWeight = std::map<std::string, std::vector<AppliedChange>>;

ChangesByWeight changes_by_weight(AdapterPart part, std::span<const UsedAdapter> used) {
  ChangesByWeight out;
  for (const UsedAdapter& use : used)
    for (const AdapterChange& change : use.adapter->changes)
      if (const double strength = use.strength.of(change); change.part == part && strength != 0)
        out[change.weight].push_back({change, strength});
  return out;
}

// Different for other files, strengths and ways of use.
std::string tag_of(AdapterPart part, std::span<const UsedAdapter> used, AdapterMode mode) {
  Sha256 sha;
  const auto add = [&](const std::string& text) {
    sha.add(text.size());
    sha.add(std::as_bytes(std::span(text)));
  };
  sha.add(static_cast<uint64_t>(part));
  sha.add(static_cast<uint64_t>(mode));
  for (const UsedAdapter& use : used) {
    add(use.adapter->hash);
    add(fmt::format("{}", use.strength.all));
    for (const auto& [glob, strength] : use.strength.blocks) add(fmt::format("{} {}", glob, strength));
  }
  return sha.hex().substr(0, 12);
}

// 1 + strength · (factor − 1) in the rows of a change, 1 elsewhere.
DerivedTensor row_factors_of_all(const DerivedTensor& factors, const AppliedChange& applied) {
  DerivedTensor out{.spec = {Shape{applied.change.shape[0]}, DType::F32}, .sources = factors.sources};
  out.fill = [factors, first_row = applied.change.first_row, strength = static_cast<float>(applied.strength)](
                 size_t first, std::span<float> y) {
    const auto begin = static_cast<int64_t>(first);
    const int64_t rows = factors.spec.shape[0], end = begin + static_cast<int64_t>(y.size());
    std::ranges::fill(y, 1.0f);
    const int64_t from = std::max(begin, first_row), to = std::min(end, first_row + rows);
    if (from >= to) return;
    const std::span<float> mine = y.subspan(static_cast<size_t>(from - begin), static_cast<size_t>(to - from));
    factors.fill(static_cast<size_t>(from - first_row), mine);
    for (float& value : mine) value = 1 + strength * (value - 1);
  };
  return out;
}

// Rows of a matrix times one factor each.
DerivedTensor scaled_rows(const DerivedTensor& matrix, const DerivedTensor& factors) {
  DerivedTensor out = matrix;
  const int64_t columns = matrix.spec.shape[1];
  out.fill = fill_by_rows(columns, [matrix, factors, columns](int64_t row, int64_t count, float* y) {
    const auto width = static_cast<size_t>(columns);
    matrix.fill(static_cast<size_t>(row) * width, {y, static_cast<size_t>(count) * width});
    const std::vector<float> of_rows = values_of(rows_of(factors, row, count));
    for (size_t i = 0; i < static_cast<size_t>(count) * width; ++i) y[i] *= of_rows[i / width];
  });
  out.sources.insert(out.sources.end(), factors.sources.begin(), factors.sources.end());
  return out;
}

DerivedTensor times(const DerivedTensor& tensor, double factor) {
  DerivedTensor out = tensor;
  out.fill = [fill = tensor.fill, f = static_cast<float>(factor)](size_t first, std::span<float> y) {
    fill(first, y);
    for (float& value : y) value *= f;
  };
  return out;
}

// The steps of one matrix.
class StepMaker {
 public:
  StepMaker(AdaptedPart& out, const std::string& weight, std::string prefix, const DerivedTensor& base)
      : out_(out), weight_(weight), prefix_(std::move(prefix)), base_(base) {}

  void make(const std::vector<AppliedChange>& changes) {
    for (size_t i = 0; i < changes.size(); ++i) {
      const AppliedChange& applied = changes[i];
      const AdapterChange& change = applied.change;
      const std::vector<AppliedChange> so_far(changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      if (change.kind == ChangeKind::LowRank && !change.magnitude) {
        low_rank_.push_back(applied);
      } else if (change.kind == ChangeKind::LowRank && !change.magnitude->by_input) {
        flush();
        const DerivedTensor factors = last_row_factors(base_, so_far);
        add(AttachedStep::Kind::RowFactors, {{"factors", row_factors_of_all(factors, applied)}});
        AppliedChange sum = applied;
        sum.change.magnitude.reset();
        sum.change.factors[1] = scaled_rows(change.factors[1], factors);
        low_rank_.push_back(std::move(sum));
      } else if (change.kind == ChangeKind::Kronecker && !change.magnitude) {
        flush();
        add(AttachedStep::Kind::Kronecker,
            {{"w1", times(change.factors[0], applied.strength * change.scale)}, {"w2", change.factors[1]}},
            change.first_row);
      } else {
        flush();
        add(AttachedStep::Kind::Difference, {{"difference", last_difference(base_, so_far)}}, change.first_row);
      }
    }
    flush();
  }

 private:
  void flush() {
    if (low_rank_.empty()) return;
    LowRankFactors factors = join_low_rank(low_rank_);
    low_rank_.clear();
    add(AttachedStep::Kind::LowRank, {{"down", std::move(factors.down)}, {"up", std::move(factors.up)}});
  }

  void add(AttachedStep::Kind kind, std::vector<std::pair<std::string_view, DerivedTensor>> tensors,
           int64_t first_column = 0) {
    AttachedStep step{.kind = kind, .first_column = first_column};
    auto& steps = out_.attached.steps[weight_];
    for (auto& [what, tensor] : tensors) {
      const std::string name = fmt::format("{}.{}.{}", prefix_, steps.size(), what);
      step.weights.push_back({name, tensor.spec.shape});
      out_.weights.add_derived(name, std::move(tensor));
    }
    steps.push_back(std::move(step));
  }

  AdaptedPart& out_;
  const std::string& weight_;
  std::string prefix_;
  const DerivedTensor& base_;
  std::vector<AppliedChange> low_rank_;  // that wait for the next of another kind
};

}  // namespace

double AdapterStrength::of(const AdapterChange& change) const {
  double strength = all;
  const std::string path = change.weight.substr(0, change.weight.rfind('.'));
  const std::string with_part_name = std::string(to_string(change.part)) + '.' + path;
  for (const auto& [glob, of_block] : blocks)
    if (holds_for(glob, path) || holds_for(glob, with_part_name)) strength = of_block;
  return strength;
}

AdaptedPart adapt_part(const WeightStore& base, AdapterPart part, std::span<const UsedAdapter> used, AdapterMode mode) {
  AdaptedPart out;
  const std::string tag = tag_of(part, used, mode);
  for (const auto& [weight, changes] : changes_by_weight(part, used)) {
    const DerivedTensor original = base.tensor(weight);
    const std::string prefix = weight + '#' + tag;
    if (mode == AdapterMode::Merged || original.spec.shape.rank() != 2) {
      out.attached.replaced.emplace(weight, prefix);
      out.weights.add_derived(prefix, changed_weight(original, changes));
    } else {
      StepMaker(out, weight, prefix, original).make(changes);
    }
  }
  if (!out.attached.empty()) out.tag = tag;
  return out;
}

double share_lost_in_int8(const WeightStore& base, AdapterPart part, std::span<const UsedAdapter> used) {
  size_t changed = 0, lost = 0;
  for (const auto& [weight, changes] : changes_by_weight(part, used)) {
    const DerivedTensor original = base.tensor(weight);
    if (original.spec.shape.rank() != 2) continue;
    const DerivedTensor after = changed_weight(original, changes);
    const auto width = static_cast<size_t>(original.spec.shape[1]);
    std::vector<float> a(width), b(width);
    for (int64_t row = 0; row < original.spec.shape[0]; ++row) {
      const size_t at = static_cast<size_t>(row) * width;
      original.fill(at, a);
      after.fill(at, b);
      const auto scale_of = [](const std::vector<float>& values) {
        float largest = 0;
        for (const float value : values) largest = std::max(largest, std::abs(value));
        return Int8Scale(largest);
      };
      const Int8Scale before_scale = scale_of(a), after_scale = scale_of(b);
      for (size_t i = 0; i < width; ++i) {
        if (a[i] == b[i]) continue;
        ++changed;
        if (before_scale.quantise(a[i]) == after_scale.quantise(b[i])) ++lost;
      }
    }
  }
  return changed == 0 ? 0 : static_cast<double>(lost) / static_cast<double>(changed);
}

}  // namespace newbie
