#include "adapters/group.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "adapters/change.h"
#include "adapters/row_fill.h"
#include "core/checked.h"
#include "weights/combine.h"

namespace newbie {

namespace {

using Role = AdapterRole;

// [a, b, 1, 1] of a convolution over one pixel as [a, b]; everything else as it is.
DerivedTensor factor_of(const FileTensor& tensor) {
  DerivedTensor out = stored_tensor(tensor);
  const Shape& shape = out.spec.shape;
  if (shape.rank() == 4 && shape[2] == 1 && shape[3] == 1) out.spec.shape = Shape{shape[0], shape[1]};
  return out;
}

// a [n, r] · b [r, m]
DerivedTensor product_of(const DerivedTensor& a, const DerivedTensor& b) {
  DerivedTensor out{.spec = {Shape{a.spec.shape[0], b.spec.shape[1]}, DType::F32}, .sources = a.sources};
  out.sources.insert(out.sources.end(), b.sources.begin(), b.sources.end());
  const int64_t columns = b.spec.shape[1], inner = b.spec.shape[0];
  out.fill = fill_by_rows(columns, [a, b, columns, inner](int64_t row, int64_t count, float* y) {
    const std::vector<float> left = values_of(rows_of(a, row, count)), right = values_of(b);
    std::vector<double> sum(static_cast<size_t>(columns));
    for (int64_t r = 0; r < count; ++r) {
      std::ranges::fill(sum, 0.0);
      for (int64_t k = 0; k < inner; ++k)
        for (int64_t c = 0; c < columns; ++c)
          sum[static_cast<size_t>(c)] += static_cast<double>(left[static_cast<size_t>(r * inner + k)]) *
                                         static_cast<double>(right[static_cast<size_t>(k * columns + c)]);
      for (int64_t c = 0; c < columns; ++c) y[r * columns + c] = static_cast<float>(sum[static_cast<size_t>(c)]);
    }
  });
  return out;
}

double number_of(const FileTensor& tensor) {
  const TensorSpec spec = tensor.spec();
  double value = NAN;
  if (spec.shape.elements() == 1 && (spec.dtype == DType::I64 || spec.dtype == DType::I32)) {
    int64_t whole = 0;
    int32_t narrow = 0;
    if (spec.dtype == DType::I64) {
      std::memcpy(&whole, tensor.bytes().data(), sizeof whole);
    } else {
      std::memcpy(&narrow, tensor.bytes().data(), sizeof narrow);
      whole = narrow;
    }
    value = static_cast<double>(whole);
  } else if (spec.shape.elements() == 1) {
    value = values_of(stored_tensor(tensor)).front();
  }
  tensor.file->check_intact();
  if (spec.shape.elements() != 1)
    fail(ErrorKind::BadFile, "{}: expected one number, got a tensor of {}", tensor.where(), spec.shape.str());
  if (!std::isfinite(value)) fail(ErrorKind::BadFile, "{}: expected a finite number, got {}", tensor.where(), value);
  return value;
}

class GroupReader {
 public:
  GroupReader(const AdapterGroup& group, const AdapterBase& base, const ScaleRules& rules, std::optional<double> dim,
              GroupNotes& notes)
      : group_(group), base_(base), rules_(rules), dim_(dim), notes_(notes) {
    for (const ModuleRows& piece : group.found.pieces) rows_ += piece.rows;
    const Shape& shape = weight_shape(group.found.pieces.front());
    columns_ = shape.rank() == 2 ? shape[1] : 0;
  }

  std::vector<AdapterChange> changes() {
    if (has_any({Role::Down, Role::Up, Role::Middle, Role::UpBias})) low_rank();
    if (has_any({Role::Kronecker1, Role::Kronecker1A, Role::Kronecker1B, Role::Kronecker2, Role::Kronecker2A,
                 Role::Kronecker2B}))
      kronecker();
    if (has_any({Role::Hadamard1A, Role::Hadamard1B, Role::Hadamard2A, Role::Hadamard2B})) hadamard();
    given(Role::Difference, ChangeKind::Difference, ".weight");
    given(Role::NewWeight, ChangeKind::Replacement, ".weight");
    given(Role::BiasDifference, ChangeKind::Difference, ".bias");
    given(Role::NewBias, ChangeKind::Replacement, ".bias");
    if (out_.empty()) wrong("expected factors, got {} alone", group_.factors.begin()->second.name);
    if (has(Role::Magnitude) && !magnitude_used_) wrong("expected factors beside {}, got none", name(Role::Magnitude));
    return std::move(out_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::BadFile, "{}: {}: {}", group_.factors.begin()->second.tensor.file->path().string(), group_.module,
         fmt::format(format, std::forward<Args>(args)...));
  }

  bool has(Role role) const { return group_.factors.contains(role); }
  bool has_any(std::initializer_list<Role> roles) const {
    return std::ranges::any_of(roles, [this](Role role) { return has(role); });
  }
  const FileTensor& tensor(Role role) const { return group_.factors.at(role).tensor; }
  const std::string& name(Role role) const { return group_.factors.at(role).name; }

  const Shape& weight_shape(const ModuleRows& piece) const {
    return base_.weights(piece.part).find(piece.module + ".weight")->second;
  }
  // "288 x 288", or "96 x 288 (rows 288 to 384 of attention.qkv)"
  std::string wanted() const {
    const ModuleRows& piece = group_.found.pieces.front();
    std::string text = fmt::format("{} x {}", rows_, columns_);
    if (group_.found.pieces.size() == 1 && piece.rows != weight_shape(piece)[0])
      text += fmt::format(" (rows {} to {} of {})", piece.first_row, piece.first_row + piece.rows, piece.module);
    return text;
  }

  // Both of a pair, as matrices.
  std::pair<DerivedTensor, DerivedTensor> both(Role a, Role b) const {
    const auto partner = [this](Role there) {
      std::string text = name(there);
      for (const auto& [from, to] : {std::pair("_A", "_B"), std::pair("_B", "_A"), std::pair("down", "up"),
                                     std::pair("up", "down"), std::pair("_a", "_b"), std::pair("_b", "_a")})
        if (text.ends_with(from)) return text.substr(0, text.size() - std::strlen(from)) + to;
      return std::string("its partner");
    };
    if (!has(a)) wrong("{} without {}", name(b), partner(b));
    if (!has(b)) wrong("{} without {}", name(a), partner(a));
    return {matrix(a), matrix(b)};
  }

  DerivedTensor matrix(Role role) const {
    DerivedTensor out = factor_of(tensor(role));
    if (out.spec.shape.rank() != 2 || out.spec.shape.elements() == 0)
      wrong("{}: expected a matrix, got a tensor of {}", name(role), tensor(role).spec().shape.str());
    return out;
  }

  void require_matrix_weight() const {
    if (columns_ == 0) wrong("expected a difference of a norm's vector, got factors of a matrix");
  }

  // The sizes of the file's Δ against the weight's.
  void require_size(int64_t rows, int64_t columns, std::string_view what) const {
    if (rows == rows_ && columns == columns_) return;
    if (columns != columns_ && what.empty())
      wrong("made for a model of width {}, this one has {}: the change is {} x {}, expected {}", columns, columns_,
            rows, columns, wanted());
    wrong("{}the change is {} x {}, expected {}", what, rows, columns, wanted());
  }

  double scale_of(int64_t rank) {
    if (has(Role::Alpha)) return number_of(tensor(Role::Alpha)) / static_cast<double>(rank);
    const ModuleRows& piece = group_.found.pieces.front();
    if (const auto scale = rules_.scale(piece.part, module_name(), rank)) return *scale;
    ++notes_.without_alpha;
    return 1;
  }

  ScaleRules::ModuleName module_name() const { return {group_.found.name, group_.module}; }
  double product_scale() const { return rules_.product_scale(module_name()).value_or(1); }

  void low_rank() {
    if (!has(Role::Down) && !has(Role::Up)) wrong("{} without lora_A and lora_B", group_.factors.begin()->second.name);
    require_matrix_weight();
    auto [down, up] = both(Role::Down, Role::Up);
    const int64_t rank = down.spec.shape[0];
    if (has(Role::Middle)) {
      const DerivedTensor middle = matrix(Role::Middle);
      if (!(middle.spec.shape == Shape{up.spec.shape[1], rank}))
        wrong("{}: expected {} x {}, got {}", name(Role::Middle), up.spec.shape[1], rank, middle.spec.shape.str());
      down = product_of(middle, down);
    }
    if (down.spec.shape[0] != up.spec.shape[1])
      wrong("{} has rank {}, {} has rank {}", name(Role::Down), rank, name(Role::Up), up.spec.shape[1]);
    require_size(up.spec.shape[0], down.spec.shape[1], "");
    const double scale = scale_of(rank);
    if (rules_.dora() && !has(Role::Magnitude)) wrong("the file says it is DoRA, and has no magnitude here");
    add(ChangeKind::LowRank, {down, up}, scale, [](const std::vector<DerivedTensor>& f, int64_t first, int64_t rows) {
      return std::vector<DerivedTensor>{f[0], rows_of(f[1], first, rows)};
    });
    if (has(Role::UpBias)) vector_change(Role::UpBias, ChangeKind::Difference, ".bias", scale);
  }

  // A factor that is there, or the product of its two; `rank` is then theirs.
  DerivedTensor whole_or_product(Role whole, Role a, Role b, std::optional<int64_t>& rank) const {
    if (has(whole)) {
      if (has(a) || has(b)) wrong("expected {} or its two factors, got both", name(whole));
      return matrix(whole);
    }
    if (!has(a) && !has(b)) wrong("expected both factors of LoKr, got one");
    auto [left, right] = both(a, b);
    if (left.spec.shape[1] != right.spec.shape[0])
      wrong("{} has rank {}, {} has rank {}", name(a), left.spec.shape[1], name(b), right.spec.shape[0]);
    rank = left.spec.shape[1];
    return product_of(left, right);
  }

  void kronecker() {
    require_matrix_weight();
    std::optional<int64_t> rank1, rank2;
    const DerivedTensor w1 = whole_or_product(Role::Kronecker1, Role::Kronecker1A, Role::Kronecker1B, rank1);
    const DerivedTensor w2 = whole_or_product(Role::Kronecker2, Role::Kronecker2A, Role::Kronecker2B, rank2);
    const Shape &a = w1.spec.shape, &b = w2.spec.shape;
    require_size(static_cast<int64_t>(checked_mul(static_cast<size_t>(a[0]), static_cast<size_t>(b[0]))),
                 static_cast<int64_t>(checked_mul(static_cast<size_t>(a[1]), static_cast<size_t>(b[1]))), "LoKr: ");
    const std::optional<int64_t> rank = rank2 ? rank2 : rank1;
    double scale = product_scale();
    if (has(Role::Alpha)) {
      const double alpha = number_of(tensor(Role::Alpha));
      if (rank) {
        scale = alpha / static_cast<double>(*rank);
      } else if (dim_ && alpha != *dim_) {
        ++notes_.whole_lokr_alpha;
        notes_.whole_lokr = alpha;
      }
    }
    add(ChangeKind::Kronecker, {w1, w2}, scale, nullptr);
  }

  void hadamard() {
    require_matrix_weight();
    const auto [a1, b1] = both(Role::Hadamard1A, Role::Hadamard1B);
    const auto [a2, b2] = both(Role::Hadamard2A, Role::Hadamard2B);
    if (a1.spec.shape[1] != b1.spec.shape[0] || a2.spec.shape[1] != b2.spec.shape[0])
      wrong("LoHa: factors {} and {}, {} and {} do not fit each other", a1.spec.shape.str(), b1.spec.shape.str(),
            a2.spec.shape.str(), b2.spec.shape.str());
    require_size(a1.spec.shape[0], b1.spec.shape[1], "LoHa: ");
    require_size(a2.spec.shape[0], b2.spec.shape[1], "LoHa: ");
    double scale = product_scale();
    if (has(Role::Alpha))
      scale = number_of(tensor(Role::Alpha)) / static_cast<double>(b1.spec.shape[0]);
    else if (!rules_.product_scale(module_name()))
      ++notes_.without_alpha;
    add(ChangeKind::Hadamard, {a1, b1, a2, b2}, scale,
        [](const std::vector<DerivedTensor>& f, int64_t first, int64_t rows) {
          return std::vector<DerivedTensor>{rows_of(f[0], first, rows), f[1], rows_of(f[2], first, rows), f[3]};
        });
  }

  void given(Role role, ChangeKind kind, std::string_view ending) {
    if (!has(role)) return;
    if (ending == ".bias" || columns_ == 0) return vector_change(role, kind, ending, 1);
    const DerivedTensor all = matrix(role);
    require_size(all.spec.shape[0], all.spec.shape[1], "");
    add(kind, {all}, 1, [](const std::vector<DerivedTensor>& f, int64_t first, int64_t rows) {
      return std::vector<DerivedTensor>{rows_of(f[0], first, rows)};
    });
  }

  void vector_change(Role role, ChangeKind kind, std::string_view ending, double scale) {
    const DerivedTensor all = stored_tensor(tensor(role));
    if (!(all.spec.shape == Shape{rows_}))
      wrong("{}: expected {} numbers, got a tensor of {}", name(role), rows_, all.spec.shape.str());
    int64_t at = 0;
    for (const ModuleRows& piece : group_.found.pieces) {
      const auto weight = base_.weights(piece.part).find(piece.module + std::string(ending));
      if (weight == base_.weights(piece.part).end())
        wrong("{}: expected a bias in this model, got none for {}", name(role), piece.module);
      AdapterChange change = change_of(piece, std::string(ending), weight->second, kind, scale);
      change.factors = {rows_of(all, at, piece.rows)};
      out_.push_back(std::move(change));
      at += piece.rows;
    }
  }

  AdapterChange change_of(const ModuleRows& piece, const std::string& ending, const Shape& shape, ChangeKind kind,
                          double scale) const {
    AdapterChange change{.part = piece.part, .weight = piece.module + ending, .shape = shape};
    change.first_row = piece.first_row;
    change.rows = piece.rows;
    change.kind = kind;
    change.scale = scale;
    change.key = group_.module;
    return change;
  }

  // The change of a matrix, cut into its pieces; `cut` gives the factors of some rows, where a kind has such.
  using Cut = std::vector<DerivedTensor> (*)(const std::vector<DerivedTensor>& factors, int64_t first, int64_t rows);
  void add(ChangeKind kind, const std::vector<DerivedTensor>& factors, double scale, Cut cut) {
    const std::optional<Magnitude> magnitude = this->magnitude();
    const auto& pieces = group_.found.pieces;
    int64_t at = 0;
    for (const ModuleRows& piece : pieces) {
      AdapterChange change = change_of(piece, ".weight", weight_shape(piece), kind, scale);
      if (pieces.size() == 1) {
        change.factors = factors;
      } else if (cut != nullptr) {
        change.factors = cut(factors, at, piece.rows);
      } else {  // Kronecker: a part of it is no product
        AdapterChange all = change;
        all.shape = Shape{rows_, columns_};
        all.first_row = 0;
        all.rows = rows_;
        all.factors = factors;
        change.kind = ChangeKind::Difference;
        change.scale = 1;
        change.factors = {rows_of(delta_tensor(all), at, piece.rows)};
      }
      if (magnitude) {
        change.magnitude = magnitude;
        if (pieces.size() > 1 && magnitude->by_input)
          fail(ErrorKind::Unsupported, "{}: DoRA by inputs of several matrices in one cannot be cut", group_.module);
        if (pieces.size() > 1) change.magnitude->values = rows_of(magnitude->values, at, piece.rows);
      }
      out_.push_back(std::move(change));
      at += piece.rows;
    }
  }

  std::optional<Magnitude> magnitude() {
    if (!has(Role::Magnitude)) return std::nullopt;
    magnitude_used_ = true;
    Magnitude out{factor_of(tensor(Role::Magnitude)), false};
    const Shape shape = out.values.spec.shape;
    out.by_input = shape.rank() == 2 && shape[0] == 1 && rows_ != 1;
    const bool fits = shape == Shape{rows_} || shape == Shape{rows_, 1} || (out.by_input && shape[1] == columns_);
    if (!fits)
      wrong("{}: expected [{}], [{}, 1] or [1, {}], got {}", name(Role::Magnitude), rows_, rows_, columns_,
            shape.str());
    out.values.spec.shape = Shape{out.by_input ? columns_ : rows_};
    return out;
  }

  const AdapterGroup& group_;
  const AdapterBase& base_;
  const ScaleRules& rules_;
  std::optional<double> dim_;
  GroupNotes& notes_;
  int64_t rows_ = 0, columns_ = 0;  // of the file's Δ; no columns: a vector
  bool magnitude_used_ = false;
  std::vector<AdapterChange> out_;
};

}  // namespace

std::vector<AdapterChange> read_group(const AdapterGroup& group, const AdapterBase& base, const ScaleRules& rules,
                                      std::optional<double> dim, GroupNotes& notes) {
  return GroupReader(group, base, rules, dim, notes).changes();
}

}  // namespace newbie
