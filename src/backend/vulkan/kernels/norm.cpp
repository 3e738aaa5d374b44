// Norms of rows with what follows them, and the rotation of heads: one shader.
#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

namespace {

enum class Norm : uint32_t { None, Rms, Layer };
enum class End : uint32_t { None, Modulate, Residual, GatedResidual, Turn };

constexpr size_t kNone = SIZE_MAX;

// Which operand is what; kNone: there is none.
struct Roles {
  Norm norm = Norm::Rms;
  End end = End::None;
  size_t x = 0, w = kNone, b = kNone, e = kNone, f = kNone;
};

class NormKernel final : public DeviceKernel {
 public:
  NormKernel(const KernelRequest& request, const Roles& roles, int64_t n, int64_t heads, bool interleaved)
      : op_(request.op->name),
        roles_(roles),
        n_(n),
        rows_(n == 0 ? 0 : static_cast<int64_t>(request.output.shape.elements()) / n),
        heads_(heads),
        eps_(roles.norm == Norm::None ? 0 : request.attrs.real("eps")),
        offset_(roles.norm == Norm::Rms ? request.attrs.real("offset") : 0) {
    const auto dtype = [&](size_t i) { return i == kNone ? 0 : dtype_number(request.inputs[i]); };
    const bool row = roles.e != kNone && request.inputs[roles.e].shape.elements() == static_cast<size_t>(n);
    job_ = {.shader = Shader::Norm,
            .constants = {static_cast<uint32_t>(roles.norm), static_cast<uint32_t>(roles.end), dtype(roles.x),
                          dtype(roles.w), dtype(roles.b), dtype(roles.e), dtype(roles.f), dtype_number(request.output),
                          roles.w != kNone, roles.b != kNone, row, interleaved},
            .groups = groups_for(rows_, 1),
            .work = kWorkOfElement * static_cast<double>(request.output.shape.elements())};
  }

  std::string name() const override { return fmt::format("vulkan.{}", op_); }
  // A row is summed before any of it is written, and a number is read by the invocation that writes it.
  std::optional<size_t> in_place_input() const override { return 0; }

  void record(Recorder& recorder, const Addresses& at) const override {
    const auto address = [&](size_t i) { return i == kNone ? nullptr : at.inputs[i]; };
    Push push;
    for (const size_t i : {roles_.x, roles_.w, roles_.b, roles_.e, roles_.f}) push.address(address(i));
    push.address(at.output).count(rows_).count(n_).count(heads_).real(eps_).real(offset_);
    dispatch(recorder, job_, push);
  }

 private:
  std::string_view op_;
  Roles roles_;
  int64_t n_, rows_, heads_;
  double eps_, offset_;
  Job job_;
};

}  // namespace

KernelOrNot make_rms_norm(const KernelRequest& request, const Traits&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  Roles roles{.w = 1};
  if (request.op == &norm_modulate_op) roles = {.end = End::Modulate, .w = 1, .e = 2};
  if (request.op == &norm_residual_op) roles = {.end = End::Residual, .x = 1, .w = 2, .f = 0};
  if (request.op == &norm_gated_residual_op) roles = {.end = End::GatedResidual, .x = 1, .w = 2, .e = 3, .f = 0};
  return std::make_shared<NormKernel>(request, roles, request.inputs[roles.w].shape[0], 1, false);
}

KernelOrNot make_rope(const KernelRequest& request, const Traits&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  const bool normed = request.op == &norm_rope_op;
  const size_t cos = normed ? 2 : 1;
  const Roles roles{
      .norm = normed ? Norm::Rms : Norm::None, .end = End::Turn, .w = normed ? 1 : kNone, .e = cos, .f = cos + 1};
  const int64_t n = 2 * request.inputs[cos].shape[1];
  const bool interleaved = request.attrs.integer("layout") == static_cast<int64_t>(RopeLayout::Interleaved);
  return std::make_shared<NormKernel>(request, roles, n, request.output.shape[1] / n, interleaved);
}

KernelOrNot make_layer_norm(const KernelRequest& request, const Traits&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  const bool weights = request.inputs.size() == 3;
  const Roles roles{.norm = Norm::Layer, .w = weights ? 1 : kNone, .b = weights ? 2 : kNone};
  return std::make_shared<NormKernel>(request, roles, request.output.shape.last(), 1, false);
}

}  // namespace newbie::vulkan
