// FID's InceptionV3 from a file in torchvision's key layout, its batch normalisation folded into the convolutions.
#include "core/files.h"
#include "evaluate/extractor.h"
#include "evaluate/single_input_network.h"
#include "graph/ops/sources.h"
#include "models/inception_v3/graph.h"
#include "weights/fold_batch_norm.h"
#include "weights/open_weights.h"

namespace newbie {

namespace {

constexpr double kEps = 0.001;  // of TensorFlow's network; torchvision keeps it
constexpr std::string_view kWeight = ".conv.weight";

// Every convolution of the graph, folded.
void fill_store(const Graph& graph, const OpenedWeights& files, const std::string& where, WeightStore& store) {
  const auto tensor = [&](const std::string& key) -> const FileTensor& {
    const FileTensor* found = files.find(key);
    if (found == nullptr)
      fail_with_hint(ErrorKind::BadFile, "tools/convert_inception.py makes the file from the public one",
                     "{}: expected FID's InceptionV3, there is no {}", where, key);
    return *found;
  };
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.op != &weight_op || !node.paths.front().ends_with(kWeight)) continue;
    const std::string name = node.paths.front(), unit = name.substr(0, name.size() - kWeight.size());
    const FileTensor& weight = tensor(name);
    if (!(weight.spec().shape == node.shape))
      fail(ErrorKind::BadFile, "{}: expected {}, got {}", weight.where(), node.shape.str(), weight.spec().shape.str());
    FoldedConvolution folded = fold_batch_norm(weight, {.gain = tensor(unit + ".bn.weight"),
                                                        .shift = tensor(unit + ".bn.bias"),
                                                        .mean = tensor(unit + ".bn.running_mean"),
                                                        .variance = tensor(unit + ".bn.running_var"),
                                                        .eps = kEps});
    store.add_derived(name, std::move(folded.weight));
    store.add_derived(unit + ".conv.bias", std::move(folded.bias));
  }
}

class InceptionExtractor final : public ImageExtractor {
 public:
  InceptionExtractor(Runtime& runtime, const std::filesystem::path& weights, InceptionInput input)
      : input_(input), network_(runtime, store_, "inception_v3") {
    const Graph graph = inception_v3();
    fill_store(graph, open_weights(weights), weights.string(), store_);
    run_.emplace(runtime, network_, graph);
  }

  std::string name() const override { return fmt::format("inception-v3/{}", to_string(input_)); }
  size_t dimension() const override { return run_->outputs(); }

  void extract(const Image& rgb, std::span<float> out, StopToken stop) override {
    const std::vector<float> pixels = inception_pixels(rgb, input_);
    run_->run(reinterpret_cast<const std::byte*>(pixels.data()), out, stop);
  }

 private:
  InceptionInput input_;
  WeightStore store_;
  Network network_;
  std::optional<SingleInputNetwork> run_;
};

}  // namespace

Runtime evaluation_runtime(int threads) {
  return Runtime(threads, resolve_precision(PrecisionRequest::F32, this_cpu()).policy, make_cpu_backend());
}

std::unique_ptr<ImageExtractor> inception_extractor(Runtime& runtime, const std::filesystem::path& weights,
                                                    InceptionInput input) {
  return std::make_unique<InceptionExtractor>(runtime, weights, input);
}

}  // namespace newbie
