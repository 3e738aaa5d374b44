// The autoencoder in bands of rows: what the whole decode and encode give, in less memory.
#include <gtest/gtest.h>

#include "compile/devices.h"
#include "generate/network.h"
#include "generate/parts.h"
#include "models/flux_vae/graph.h"
#include "support/close.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

struct Ran {
  std::vector<float> values;
  size_t arena_bytes;
};

class VaeBands : public ::testing::TestWithParam<PrecisionRequest> {
 protected:
  VaeBands()
      : vae(open_vae(avatar_path() / "vae", silent_log(), Strictness::Strict)),
        runtime(2, resolve_precision(GetParam(), this_cpu()).policy, make_cpu_backend()),
        network(runtime, vae.weights, "vae") {}

  Ran run(const Graph& graph, const char* input, const char* output, Bands bands) {
    const Program program = network.compile(graph, bands);
    network.load(program);
    const Graph& g = graph;
    const Shape in = g.node(*g.find_input(input)).shape;
    const Tensor x = random_tensor(in, 7);
    const Shape out = g.node(g.outputs().front().id).shape;
    Ran ran{std::vector<float>(out.elements()), program.memory().arena_bytes};
    const Buffer arena = runtime.allocator.allocate(ran.arena_bytes, "test arena");
    network.run(program, arena,
                {.inputs = {{input, {{in, DType::F32}, reinterpret_cast<const std::byte*>(x.values.data())}}},
                 .outputs = {{output, {{out, DType::F32}, reinterpret_cast<std::byte*>(ran.values.data())}}}},
                {});
    return ran;
  }

  Vae vae;
  Runtime runtime;
  Network network;
};

// Largest difference over the largest value.
double difference(const Ran& a, const Ran& b) {
  double far = 0, most = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    far = std::max(far, std::abs(static_cast<double>(a.values[i]) - static_cast<double>(b.values[i])));
    most = std::max(most, std::abs(static_cast<double>(b.values[i])));
  }
  return far / most;
}

// Sizes whose rows are no multiple of a band's, among them.
TEST_P(VaeBands, DecodeWhatTheWholeDecodes) {
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{16, 16}, {9, 14}, {22, 5}}) {
    const Graph graph = flux_vae_decoder(vae.sizes, h, w);
    const Ran whole = run(graph, "latent", "picture", Bands::None), once = run(graph, "latent", "picture", Bands::Once),
              again = run(graph, "latent", "picture", Bands::Again);
    EXPECT_TRUE(same_bytes(once.values, whole.values)) << h << "x" << w << ": " << difference(once, whole);
    if (GetParam() == PrecisionRequest(PrecisionRequest::F32)) {
      EXPECT_LE(difference(again, whole), 1e-5) << h << "x" << w;
    }
    if (h * w >= 256) {
      EXPECT_LT(once.arena_bytes, whole.arena_bytes);
      EXPECT_LT(again.arena_bytes, once.arena_bytes);
    }
  }
}

// Large enough that the picture decides what the arena takes, and no kernel's scratch.
TEST_P(VaeBands, EncodeWhatTheWholeEncodes) {
  const Graph graph = flux_vae_encoder(vae.sizes, 208, 144);
  const Ran whole = run(graph, "picture", "moments", Bands::None), once = run(graph, "picture", "moments", Bands::Once);
  EXPECT_TRUE(same_bytes(once.values, whole.values)) << difference(once, whole);
  EXPECT_LT(once.arena_bytes, whole.arena_bytes);
}

INSTANTIATE_TEST_SUITE_P(Precisions, VaeBands, ::testing::Values(PrecisionRequest::F32, PrecisionRequest::BF16),
                         [](const ::testing::TestParamInfo<PrecisionRequest>& row) {
                           return row.index == 0 ? "f32" : "bf16";
                         });

}  // namespace
}  // namespace newbie::test
