// Attention, whole and as the softmax that it is made of.
#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

namespace {

constexpr int64_t kMostOfAHead = 512;  // what the shader's shared memory holds of eight queries
constexpr int64_t kQueriesOfAGroup = 8;

// How often an invocation of the shader goes round its loops, at most.
int64_t turns_of_attention(int64_t keys, int64_t head) {
  const int64_t columns = ceil_div(head, 64), scores = 4 * (1 + ceil_div(head, 16)), softmax = 2 * 32;
  return ceil_div(keys, 32) * (1 + scores + softmax + columns * (1 + 8 + 32 / 2)) + head / 8 + 20 * columns;
}

class AttentionKernel final : public DeviceKernel {
 public:
  explicit AttentionKernel(const KernelRequest& request)
      : queries_(request.inputs[0].shape[0]),
        keys_(request.inputs[1].shape[0]),
        heads_(request.attrs.integer("heads")),
        kv_heads_(request.attrs.integer("kv_heads")),
        window_(request.attrs.integer("window")),
        scale_(request.attrs.real("scale")) {
    const int64_t head = request.inputs[0].shape[1] / heads_;
    job_ = {
        .shader = Shader::Attention,
        .constants = {dtype_number(request.inputs[0]), dtype_number(request.inputs[1]), dtype_number(request.inputs[2]),
                      dtype_number(request.output), static_cast<uint32_t>(head), request.attrs.integer("causal") != 0},
        .groups = {static_cast<uint32_t>(ceil_div(queries_, kQueriesOfAGroup)), static_cast<uint32_t>(heads_), 1},
        .work = 4.0 * static_cast<double>(queries_) * static_cast<double>(keys_) *
                static_cast<double>(request.inputs[0].shape[1])};
  }

  std::string name() const override { return "vulkan.attention"; }

  void record(Recorder& recorder, const Addresses& at) const override {
    Push push;
    push.address(at.inputs[0]).address(at.inputs[1]).address(at.inputs[2]).address(at.output);
    push.count(queries_).count(keys_).count(heads_).count(kv_heads_).count(window_).real(scale_);
    dispatch(recorder, job_, push);
  }

 private:
  int64_t queries_, keys_, heads_, kv_heads_, window_;
  double scale_;
  Job job_;
};

class SoftmaxKernel final : public DeviceKernel {
 public:
  explicit SoftmaxKernel(const KernelRequest& request)
      : shape_(request.output.shape), window_(request.attrs.integer("window")), scale_(request.attrs.real("scale")) {
    job_ = {.shader = Shader::Softmax,
            .constants = {dtype_number(request.inputs[0]), dtype_number(request.output),
                          request.attrs.integer("causal") != 0},
            .groups = groups_for(shape_.rows(), 1),
            .work = kWorkOfElement * static_cast<double>(shape_.elements())};
  }

  std::string name() const override { return "vulkan.softmax"; }
  std::optional<size_t> in_place_input() const override { return 0; }

  void record(Recorder& recorder, const Addresses& at) const override {
    Push push;
    push.address(at.inputs[0]).address(at.output);
    push.count(shape_.rows()).count(shape_[1]).count(shape_[2]).count(window_).real(scale_);
    dispatch(recorder, job_, push);
  }

 private:
  Shape shape_;
  int64_t window_;
  double scale_;
  Job job_;
};

}  // namespace

KernelOrNot make_attention(const KernelRequest& request, const Traits& traits, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  const int64_t heads = request.attrs.integer("heads");
  const int64_t head = request.inputs[0].shape[1] / heads;
  if (head > kMostOfAHead) return refuse(fmt::format("heads of {} numbers, {} at most", head, kMostOfAHead), why_not);
  if (heads > kMostGroups) return refuse("it has more heads than a dispatch", why_not);
  if (std::string why = refuse_turns(turns_of_attention(request.inputs[1].shape[0], head), traits); !why.empty())
    return refuse(std::move(why), why_not);
  return std::make_shared<AttentionKernel>(request);
}

KernelOrNot make_attention_softmax(const KernelRequest& request, const Traits&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  return std::make_shared<SoftmaxKernel>(request);
}

}  // namespace newbie::vulkan
