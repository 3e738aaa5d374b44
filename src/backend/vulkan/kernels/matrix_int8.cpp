// linear by 8-bit whole numbers: rows of x are quantised where they lie, those of the weight when they are uploaded,
// and sums of their products are whole numbers. What comes out has the bits that the CPU's kernel makes.
#include <cstring>

#include "backend/vulkan/kernels/kernels.h"
#include "core/float_formats.h"
#include "core/parallel.h"
#include "core/quantise.h"

namespace newbie::vulkan {

namespace {

constexpr int64_t kWidest = int64_t{1} << 16;  // 127 · 127 · k fits the 32 bits of a sum

int64_t words_of(int64_t width) { return ceil_div(width, 4); }

// [N, K] -> N rows of whole words of numbers, then N scales.
void pack(ConstTensorView source, std::byte* destination, ThreadPool& threads) {
  const Shape& shape = source.spec.shape;
  const auto width = static_cast<size_t>(shape[1]), stride = static_cast<size_t>(words_of(shape[1])) * 4;
  std::byte* const scales = destination + static_cast<size_t>(shape[0]) * stride;
  threads.run(shape[0], [&](int64_t row, int) {
    std::vector<float> numbers(width);
    convert(source.spec.dtype, source.data + static_cast<size_t>(row) * width * size_of(source.spec.dtype), DType::F32,
            reinterpret_cast<std::byte*>(numbers.data()), width);
    float largest = 0;
    for (const float v : numbers)
      if (!(std::abs(v) <= largest)) largest = std::isnan(v) ? INFINITY : std::abs(v);
    const Int8Scale scale(largest);
    std::byte* const out = destination + static_cast<size_t>(row) * stride;
    std::memset(out, 0, stride);
    for (size_t i = 0; i < width; ++i) out[i] = static_cast<std::byte>(scale.quantise(numbers[i]));
    std::memcpy(scales + static_cast<size_t>(row) * sizeof(float), &scale.scale, sizeof(float));
  });
}

class QuantisedLinear final : public DeviceKernel {
 public:
  QuantisedLinear(const KernelRequest& request, const Traits& traits)
      : rows_(request.inputs[0].shape.rows()),
        width_(request.inputs[0].shape.last()),
        columns_(request.output.shape.last()),
        biased_(request.inputs.size() == 3) {
    const bool tiled = traits.tiled || ceil_div(rows_, 8) > kMostGroups;
    const int64_t across = tiled ? 64 : 32, down = tiled ? 64 : 8;
    quantise_ = {.shader = Shader::QuantiseRows,
                 .constants = {dtype_number(request.inputs[0])},
                 .groups = groups_for(rows_, 1),
                 .work = kWorkOfElement * static_cast<double>(rows_) * static_cast<double>(width_)};
    multiply_ = {
        .shader = tiled ? Shader::MatrixInt8Tiled : Shader::MatrixInt8Direct,
        .constants = {biased_ ? dtype_number(request.inputs[2]) : 0, dtype_number(request.output), biased_},
        .groups = {static_cast<uint32_t>(ceil_div(columns_, across)), static_cast<uint32_t>(ceil_div(rows_, down)), 1},
        .work = 2.0 * static_cast<double>(rows_) * static_cast<double>(columns_) * static_cast<double>(width_)};
    if (!traits.units.int8) return;
    multiply_.shader = Shader::MatrixUnitsInt8;
    const std::vector<uint32_t> end = std::move(multiply_.constants);
    multiply_.constants = unit_constants(traits.units, *traits.units.int8);
    multiply_.constants.insert(multiply_.constants.end(), end.begin(), end.end());
    multiply_.groups = unit_groups(*traits.units.int8, rows_, columns_, 1);
  }

  std::string name() const override {
    return multiply_.shader == Shader::MatrixUnitsInt8   ? "vulkan.linear int8 units"
           : multiply_.shader == Shader::MatrixInt8Tiled ? "vulkan.linear int8 tiled"
                                                         : "vulkan.linear int8 direct";
  }
  size_t scratch_bytes() const override { return numbers_bytes(rows_) + static_cast<size_t>(rows_) * sizeof(float); }
  WeightLayout weight_layout(size_t input) const override {
    if (input != 1) return {};
    return {.key = "vulkan.int8",
            .bytes = numbers_bytes(columns_) + static_cast<size_t>(columns_) * sizeof(float),
            .pack = pack};
  }

  void record(Recorder& recorder, const Addresses& at) const override {
    const std::byte* const scales_x = at.scratch + numbers_bytes(rows_);
    Push rows;
    rows.address(at.inputs[0]).address(at.scratch).address(scales_x);
    rows.count(rows_).count(width_).count(words_of(width_));
    dispatch(recorder, quantise_, rows);
    recorder.barrier();
    Push product;
    product.address(at.scratch).address(scales_x);
    product.address(at.inputs[1]).address(at.inputs[1] + numbers_bytes(columns_));
    product.address(biased_ ? at.inputs[2] : nullptr).address(at.output);
    product.count(rows_).count(columns_).count(words_of(width_));
    dispatch(recorder, multiply_, product);
  }

 private:
  size_t numbers_bytes(int64_t rows) const { return static_cast<size_t>(rows * words_of(width_)) * 4; }

  int64_t rows_, width_, columns_;
  bool biased_;
  Job quantise_, multiply_;
};

}  // namespace

KernelOrNot make_linear_int8(const KernelRequest& request, const Traits& traits, std::string* why_not) {
  if (request.precision.compute != DType::I8)
    return refuse(fmt::format("computed in {}", to_string(request.precision.compute)), why_not);
  KernelRequest as_numbers = request;
  as_numbers.precision.compute = DType::F32;
  if (std::string why = refusal(as_numbers); !why.empty()) return refuse(std::move(why), why_not);
  const int64_t rows = request.inputs[0].shape.rows(), width = request.inputs[0].shape.last();
  if (width > kWidest) return refuse(fmt::format("rows of {} values are too wide", width), why_not);
  if (ceil_div(rows, 32) > kMostGroups || ceil_div(request.output.shape.last(), 32) > kMostGroups)
    return refuse("it has more rows or columns than a dispatch", why_not);
  if (std::string why = refuse_turns(words_of(width) + ceil_div(words_of(width), 8) + 1, traits); !why.empty())
    return refuse(std::move(why), why_not);
  return std::make_shared<QuantisedLinear>(request, traits);
}

}  // namespace newbie::vulkan
