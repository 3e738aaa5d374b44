// Adapters in a network: at run time and merged they are the same computation, whatever their kind, the number of them
// and how the base is kept.
#include <gtest/gtest.h>

#include "compile/compile.h"
#include "core/log.h"
#include "generate/adapt_part.h"
#include "generate/network.h"
#include "generate/parts.h"
#include "graph/ops/all.h"
#include "models/gemma3/graph.h"
#include "models/next_dit/graph.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/graph_runner.h"
#include "weights/layered_weights.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

struct Opened {
  Transformer transformer = open_transformer(avatar_path() / "transformer", silent_log());
  TextEncoder text_encoder = open_text_encoder(avatar_path() / "text_encoder", silent_log());
  AdapterBase base = adapter_base(transformer.weights, transformer.sizes, &text_encoder.weights);
  std::unique_ptr<Backend> backend = make_cpu_backend();
};
Opened& opened() {
  static Opened all;
  return all;
}

std::shared_ptr<const Adapter> adapter_of(const std::string& name) {
  return std::make_shared<const Adapter>(read_adapter(
      fs::path(NEWBIE_SOURCE_DIR) / "tests" / "data" / "adapters" / name / "adapter_model.safetensors", opened().base));
}

std::vector<UsedAdapter> used(std::initializer_list<std::pair<std::string, double>> list) {
  std::vector<UsedAdapter> out;
  for (const auto& [name, strength] : list) out.push_back({adapter_of(name), {strength, {}}});
  return out;
}

// Everything that the step computes from made-up inputs.
const Graph& step_graph() {
  static const Graph graph = next_dit_step(opened().transformer.sizes, 5, 8, 6);
  return graph;
}
Tensors step_inputs() {
  const NextDitConfig& c = opened().transformer.sizes;
  return {{"latent", random_tensor({c.latent_channels, 8, 6}, 1)},
          {"time", Tensor{{1}, {0.37f}}},
          {"context", random_tensor({5, c.dim}, 2)},
          {"pooled", random_tensor({c.pooled_width}, 3)}};
}

CompileOptions options_of(const PrecisionPolicy& policy, const WeightSource& weights, const AttachedAdapters* adapters,
                          const char* part) {
  CompileOptions options{.precision = policy, .adapters = adapters, .part = part, .threads = 2};
  options.stored_dtype = [&weights](const std::string& name) -> std::optional<DType> {
    const auto spec = weights.find(name);
    return spec ? std::optional(spec->dtype) : std::nullopt;
  };
  return options;
}

std::vector<float> velocity(const std::vector<UsedAdapter>& adapters, AdapterMode mode, const PrecisionPolicy& policy) {
  const WeightStore& base = opened().transformer.weights;
  const AdaptedPart adapted = adapt_part(base, AdapterPart::Transformer, adapters, mode);
  const LayeredWeights weights(base, adapted.weights);
  return execute(step_graph(), *opened().backend, options_of(policy, weights, &adapted.attached, "transformer"),
                 weights, step_inputs())
      .output("velocity");
}

PrecisionPolicy policy_of(PrecisionPreset preset, DType dtype) { return preset_policy(preset, dtype); }
PrecisionPolicy exact() { return policy_of(PrecisionPreset::F32, DType::F32); }

const std::vector<float>& without_adapters() {
  static const std::vector<float> values = velocity({}, AdapterMode::RunTime, exact());
  return values;
}

std::vector<float> difference(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> out(a);
  for (size_t i = 0; i < a.size(); ++i) out[i] -= b[i];
  return out;
}

const char* const kCases[] = {"peft",
                              "comfyui",
                              "kohya",
                              "lokr",
                              "loha",
                              "full",
                              "diffusers",
                              "zimage_names",
                              "onetrainer",
                              "peft_dora",
                              "dora_scale",
                              "spellings",
                              "text_encoder_keys"};

TEST(AdaptersInUse, MergedAndRunTimeAgreeForEveryForm) {
  for (const char* name : kCases)
    for (const double strength : {1.0, -0.6}) {
      SCOPED_TRACE(fmt::format("{} at {}", name, strength));
      const auto adapters = used({{name, strength}});
      const std::vector<float> run_time = velocity(adapters, AdapterMode::RunTime, exact());
      EXPECT_TRUE(within_relative(run_time, velocity(adapters, AdapterMode::Merged, exact()), 1e-5));
      EXPECT_GT(rms(difference(run_time, without_adapters())), 1e-4 * rms(without_adapters())) << "it does something";
    }
}

TEST(AdaptersInUse, SeveralAgreeInTheirOrder) {
  const auto adapters =
      used({{"kohya", 0.7}, {"peft_dora", 1.0}, {"lokr", 0.5}, {"dora_scale", 0.8}, {"full", 1.0}, {"diffusers", 1.0}});
  const std::vector<float> run_time = velocity(adapters, AdapterMode::RunTime, exact());
  EXPECT_TRUE(within_relative(run_time, velocity(adapters, AdapterMode::Merged, exact()), 1e-5));
  const auto swapped = used({{"dora_scale", 0.8}, {"peft_dora", 1.0}});
  const auto listed = used({{"peft_dora", 1.0}, {"dora_scale", 0.8}});
  EXPECT_FALSE(within_relative(velocity(swapped, AdapterMode::RunTime, exact()),
                               velocity(listed, AdapterMode::RunTime, exact()), 1e-4));
}

// A rescale's power of two is in what an adapter adds, too, be it of a whole matrix or of a piece of its result.
TEST(AdaptersInUse, RescaledBasesAreAdaptedAlike) {
  PrecisionPolicy rescaled = exact();
  rescaled.rescales = {{"transformer.*.attention.qkv[384:480]", 7, "test"},
                       {"transformer.*.attention.qkv[0:288]", -5, "test"},
                       {"transformer.*.feed_forward.w3", -6, "test"}};
  EXPECT_TRUE(within_relative(velocity({}, AdapterMode::RunTime, rescaled), without_adapters(), 1e-5));
  for (const char* name : kCases) {
    SCOPED_TRACE(name);
    const auto adapters = used({{name, 1.0}});
    for (const AdapterMode mode : {AdapterMode::RunTime, AdapterMode::Merged})
      EXPECT_TRUE(within_relative(velocity(adapters, mode, rescaled), velocity(adapters, mode, exact()), 1e-5));
  }
}

TEST(AdaptersInUse, StrengthZeroIsTheBase) {
  for (const AdapterMode mode : {AdapterMode::RunTime, AdapterMode::Merged})
    EXPECT_TRUE(same_bytes(velocity(used({{"kohya", 0.0}, {"peft_dora", 0.0}, {"full", 0.0}}), mode, exact()),
                           without_adapters()));
}

TEST(AdaptersInUse, BlocksHaveStrengthsOfTheirOwn) {
  auto adapters = used({{"kohya", 1.0}});
  adapters[0].strength.blocks = {
      {"layers", 0}, {"noise_refiner.*", 0}, {"context_refiner", 0}, {"*_embed", 0}, {"clip_text_pooled_proj.1", 0}};
  EXPECT_TRUE(same_bytes(velocity(adapters, AdapterMode::RunTime, exact()), without_adapters()));
  adapters[0].strength.blocks = {{"transformer", 0}, {"layers.0", 0.5}};
  const AdaptedPart adapted =
      adapt_part(opened().transformer.weights, AdapterPart::Transformer, adapters, AdapterMode::RunTime);
  EXPECT_EQ(adapted.attached.steps.size(), 2u);  // qkv and out of layer 0
}

// In bf16 the two round differently: each stays as near the exact result as the base's own rounding lets it be.
TEST(AdaptersInUse, NarrowDtypesRoundBothAlike) {
  const PrecisionPolicy bf16 = policy_of(PrecisionPreset::BF16, DType::BF16);
  const double of_base = relative_rms(velocity({}, AdapterMode::RunTime, bf16), without_adapters());
  for (const char* name : {"kohya", "lokr", "peft_dora", "full"}) {
    SCOPED_TRACE(name);
    const auto adapters = used({{name, 1.0}});
    const std::vector<float> want = velocity(adapters, AdapterMode::RunTime, exact());
    EXPECT_LT(relative_rms(velocity(adapters, AdapterMode::RunTime, bf16), want), 2 * of_base);
    EXPECT_LT(relative_rms(velocity(adapters, AdapterMode::Merged, bf16), want), 2 * of_base);
  }
}

// The part of `effect` that is along `want`.
double share_along(const std::vector<float>& effect, const std::vector<float>& want) {
  double product = 0, square = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    product += static_cast<double>(effect[i]) * static_cast<double>(want[i]);
    square += static_cast<double>(want[i]) * static_cast<double>(want[i]);
  }
  return product / square;
}

// One layer of 8-bit numbers: what an adapter adds to its result is what it adds in f32.
TEST(AdaptersInUse, AnInt8BaseKeepsTheWholeEffect) {
  const WeightStore& base = opened().transformer.weights;
  const std::string module = "layers.0.attention.qkv";
  const Shape shape = base.find(module + ".weight")->shape;
  Graph graph;
  graph.output("y", linear(graph.input("x", {64, shape[1]}), graph.weight(module + ".weight", shape), {}, module));
  const auto result = [&](double strength, const PrecisionPolicy& policy) {
    const AdaptedPart adapted =
        adapt_part(base, AdapterPart::Transformer, used({{"comfyui", strength}}), AdapterMode::RunTime);
    const LayeredWeights weights(base, adapted.weights);
    return execute(graph, *opened().backend, options_of(policy, weights, &adapted.attached, "transformer"), weights,
                   {{"x", random_tensor({64, shape[1]}, 1)}})
        .output("y");
  };
  const PrecisionPolicy int8 = policy_of(PrecisionPreset::Int8, DType::I8);
  const std::vector<float> whole = difference(result(1, exact()), result(0, exact()));
  for (const double strength : {1.0, 0.5})
    EXPECT_NEAR(share_along(difference(result(strength, int8), result(0, int8)), whole), strength, 0.05 * strength);
}

TEST(AdaptersInUse, ALargeShareOfASmallChangeIsLostInInt8) {
  const WeightStore& base = opened().transformer.weights;
  const double weak = share_lost_in_int8(base, AdapterPart::Transformer, used({{"comfyui", 0.01}}));
  const double strong = share_lost_in_int8(base, AdapterPart::Transformer, used({{"comfyui", 10}}));
  EXPECT_GT(weak, 0.8);
  EXPECT_LT(strong, 0.2);
}

TEST(AdaptersInUse, FactorsAreNotOfEightBits) {
  const WeightStore& base = opened().transformer.weights;
  const AdaptedPart adapted = adapt_part(base, AdapterPart::Transformer, used({{"comfyui", 1}}), AdapterMode::RunTime);
  const LayeredWeights weights(base, adapted.weights);
  const Graph g = transform(
      step_graph(), options_of(policy_of(PrecisionPreset::Int8, DType::I8), weights, &adapted.attached, "transformer"));
  size_t bases = 0, factors = 0;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    const bool adapter = std::ranges::any_of(n.paths, [](const std::string& p) { return is_attached(p); });
    if (adapter && n.op->numeric_class == NumericClass::Matmul) {
      ++factors;
      EXPECT_EQ(n.precision.compute, DType::BF16);
    } else if (n.precision.compute == DType::I8) {
      ++bases;
    }
  }
  const auto read = std::ranges::count_if(adapted.attached.steps, [](const auto& step) {
    const Graph& graph = step_graph();  // the caption refiner is another one
    for (int id = 0; id < graph.size(); ++id)
      if (graph.node(id).op == &weight_op && graph.node(id).paths.front() == step.first) return true;
    return false;
  });
  EXPECT_EQ(factors, 2 * static_cast<size_t>(read));
  EXPECT_GT(bases, 10u);
}

TEST(AdaptersInUse, TheTextEncoderIsAdaptedToo) {
  Opened& all = opened();
  const Graph graph = gemma3_features(all.text_encoder.sizes, 7);
  const Tensors inputs{{"ids", Tensor{{7}, {2, 5, 9, 14, 3, 77, 8}}}};
  const auto features = [&](double strength, AdapterMode mode) {
    const AdaptedPart adapted =
        adapt_part(all.text_encoder.weights, AdapterPart::TextEncoder, used({{"text_encoder_keys", strength}}), mode);
    const LayeredWeights weights(all.text_encoder.weights, adapted.weights);
    const RunResult result =
        execute(graph, *all.backend, options_of(exact(), weights, &adapted.attached, "text_encoder"), weights, inputs);
    return result.outputs.begin()->second.values;
  };
  const std::vector<float> base = features(0, AdapterMode::RunTime), adapted = features(1, AdapterMode::RunTime);
  EXPECT_TRUE(within_relative(adapted, features(1, AdapterMode::Merged), 1e-5));
  EXPECT_GT(rms(difference(adapted, base)), 1e-4 * rms(base));
}

// Planned bytes are the allocated ones, and weights that stream give the same result.
TEST(AdaptersInUse, FactorsAreCountedAndStream) {
  Opened& all = opened();
  const WeightStore& base = all.transformer.weights;
  const AdaptedPart adapted =
      adapt_part(base, AdapterPart::Transformer, used({{"kohya", 1}, {"peft_dora", 1}}), AdapterMode::RunTime);
  const LayeredWeights weights(base, adapted.weights);
  const Program program =
      compile(step_graph(), *all.backend, options_of(exact(), weights, &adapted.attached, "transformer"));
  StreamedWeights streamed;
  for (const WeightUse& use : program.weights()) streamed.insert(use.name);
  const Tensors inputs = step_inputs();
  std::vector<std::vector<float>> results;
  for (const StreamedWeights& some : {StreamedWeights{}, streamed}) {
    Allocator allocator;
    ThreadPool pool(2);
    WeightBank bank(weights, allocator, some);
    const WeightBank::Plan plan = bank.plan(program.weights());
    bank.prepare(program.weights(), pool);
    EXPECT_EQ(allocator.in_use_bytes(), plan.kept.bytes);
    EXPECT_EQ(allocator.peak_bytes(), plan.peak_bytes);
    const Buffer arena = allocator.allocate(program.memory().arena_bytes, "arena");
    const Buffer window = allocator.allocate(program.window_bytes(bank), "window");
    const Buffer staging = allocator.allocate(program.staging_bytes(bank), "staging");
    ExecutionContext context{
        .threads = pool, .arena = arena.data(), .window = window.data(), .staging = staging.data()};
    Bindings bindings;
    for (const auto& [name, tensor] : inputs)
      bindings.inputs[name] = {{tensor.shape, DType::F32}, reinterpret_cast<const std::byte*>(tensor.values.data())};
    const NextDitConfig& c = all.transformer.sizes;
    std::vector<float>& out = results.emplace_back(static_cast<size_t>(c.latent_channels * 8 * 6));
    bindings.outputs["velocity"] = {{{c.latent_channels, 8, 6}, DType::F32}, reinterpret_cast<std::byte*>(out.data())};
    program.run(context, bank, bindings);
  }
  EXPECT_TRUE(same_bytes(results[0], results[1]));
}

}  // namespace
}  // namespace newbie::test
