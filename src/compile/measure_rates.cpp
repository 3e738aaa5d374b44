#include "compile/measure_rates.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>

#include "backend/program.h"
#include "compile/precision.h"
#include "core/allocator.h"
#include "core/float_formats.h"
#include "graph/ops/linear.h"

namespace newbie {

namespace {

constexpr int64_t kRows = 512, kWidth = 1024;

// One made-up matrix under every name.
class OneMatrix final : public WeightSource {
 public:
  std::optional<TensorSpec> find(std::string_view) const override { return TensorSpec{{kWidth, kWidth}, DType::F32}; }
  ConstTensorView mapped(std::string_view) const override { return {}; }
  void read(std::string_view, DType dtype, std::byte* destination) const override {
    std::vector<float> values(static_cast<size_t>(kWidth * kWidth));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 17) / 16.0f - 0.5f;
    convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), dtype, destination, values.size());
  }
};

// One linear layer in one dtype, ready to run.
class Layer {
 public:
  Layer(DType dtype, const Backend& backend, ThreadPool& threads)
      : threads_(threads), program_(graph(dtype), backend, threads.size()), bank_(weights_, allocator_) {
    bank_.prepare(program_.weights(), threads);
    arena_ = allocator_.allocate(program_.memory().arena_bytes, "arena");
    const TensorSpec spec{{kRows, kWidth}, stored(dtype)};
    input_ = allocator_.allocate(spec.bytes(), "operand");
    std::memset(input_.data(), 0x3F, input_.size());  // numbers near 1 in every dtype
    bindings_.inputs["x"] = {spec, input_.data()};
  }

  double seconds_of_run() const {
    ExecutionContext context{threads_, arena_.data(), {}};
    const auto start = std::chrono::steady_clock::now();
    program_.run(context, bank_, bindings_);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  static DType stored(DType dtype) { return dtype == DType::I8 ? DType::BF16 : dtype; }
  static Graph graph(DType dtype) {
    Graph g;
    const Value x = g.input("x", {kRows, kWidth}), w = g.weight("w", {kWidth, kWidth}), y = linear(x, w, {});
    for (const Value& v : {x, w, y}) g.node(v.id()).precision = {stored(dtype), dtype, DType::F32};
    g.output("y", y);
    return g;
  }

  ThreadPool& threads_;
  Allocator allocator_;
  OneMatrix weights_;
  Program program_;
  WeightBank bank_;
  Buffer arena_, input_;
  Bindings bindings_;
};

}  // namespace

std::vector<DTypeRate> measure_rates(const Backend& backend, ThreadPool& threads) {
  constexpr DType kDTypes[] = {DType::F32, DType::BF16, DType::F16, DType::I8};
  constexpr int kRounds = 12;
  std::vector<std::unique_ptr<Layer>> layers;
  for (const DType dtype : kDTypes) layers.push_back(std::make_unique<Layer>(dtype, backend, threads));
  // In turns, so that what else the machine does meets all of them alike.
  double best[std::size(kDTypes)];
  std::ranges::fill(best, std::numeric_limits<double>::infinity());
  for (int round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < layers.size(); ++i) best[i] = std::min(best[i], layers[i]->seconds_of_run());
  std::vector<DTypeRate> out;
  for (size_t i = 0; i < layers.size(); ++i) out.push_back({kDTypes[i], 2e-9 * kRows * kWidth * kWidth / best[i]});
  return out;
}

}  // namespace newbie
