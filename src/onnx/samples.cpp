#include "onnx/samples.h"

#include <algorithm>
#include <memory>

#include "weights/safetensors_writer.h"

namespace newbie {

namespace {

class SampleTaker final : public RunObserver {
 public:
  explicit SampleTaker(std::span<const SampledNetwork> networks) : networks_(networks) {}

  Wants wants() const override { return {.values = Values::Named}; }

  void on_run(const RunPlace&, std::string_view, const Program&, const Bindings& bindings) override {
    finish();
    for (const SampledNetwork& network : networks_)
      if (is_of(network, bindings) && std::ranges::find(files_, network.file) == files_.end()) {
        running_ = &network;
        for (const auto& [name, tensor] : bindings.inputs) keep(name, tensor);
      }
  }
  void on_value(const RunPlace&, std::string_view, const std::string& path, ConstTensorView value) override {
    if (running_ == nullptr) return;
    const auto is_it = [&](const OnnxValue& v) { return v.name == path && v.spec == value.spec; };
    if (std::ranges::any_of(running_->outputs, is_it)) keep(path, value);
  }

  // Writes what the network that ran last has given.
  void finish() {
    if (running_ == nullptr) return;
    std::vector<NamedTensor> tensors;
    for (const auto& [name, tensor] : kept_)
      tensors.push_back({name, ConstTensorView(tensor.spec, tensor.bytes.data())});
    if (tensors.size() == running_->inputs.size() + running_->outputs.size()) {
      write_safetensors(running_->file, tensors);
      files_.push_back(running_->file);
    }
    running_ = nullptr;
    kept_.clear();
  }
  std::vector<std::filesystem::path> files() && { return std::move(files_); }

 private:
  struct Kept {
    TensorSpec spec;
    std::vector<std::byte> bytes;
  };

  static bool is_of(const SampledNetwork& network, const Bindings& bindings) {
    const auto fits = [](const std::vector<OnnxValue>& values, const auto& bound) {
      return values.size() == bound.size() && std::ranges::all_of(values, [&](const OnnxValue& value) {
               const auto found = bound.find(value.name);
               return found != bound.end() && found->second.spec == value.spec;
             });
    };
    return fits(network.inputs, bindings.inputs) && fits(network.outputs, bindings.outputs);
  }

  void keep(const std::string& name, const ConstTensorView& tensor) {
    kept_[name] = {tensor.spec, {tensor.data, tensor.data + tensor.spec.bytes()}};
  }

  std::span<const SampledNetwork> networks_;
  const SampledNetwork* running_ = nullptr;
  std::map<std::string, Kept> kept_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace

std::vector<std::filesystem::path> write_onnx_samples(TextToImage& engine, const GenerateRequest& request,
                                                      std::span<const SampledNetwork> networks, StopToken stop) {
  SampleTaker taker(networks);
  engine.generate(request, taker, stop, [](const GeneratedImage&) {});
  taker.finish();
  return std::move(taker).files();
}

}  // namespace newbie
