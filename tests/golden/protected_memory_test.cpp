// The denoiser on a device whose memory the host cannot touch: the context stays there for the step, and the velocity
// is the reference's.
#include "core/allocator.h"
#include "models/next_dit/graph.h"
#include "stages.h"
#include "support/close.h"
#include "support/protected_backend.h"

namespace newbie::test {
namespace {

// A part's programs on one device, as a stage of a request has them.
class Device {
 public:
  explicit Device(const Part& part) : bank_(part.weights, {memory_, host_}) {}

  Program compile(const Graph& graph, const std::string& part_name) {
    const Resolution f32 = resolve_precision(PrecisionPreset::F32, backend_.caps());
    const Graph g = transform(graph, {.precision = f32.policy, .part = part_name, .threads = 2});
    Program program(g, backend_, 2);
    bank_.prepare(program.weights(), threads_);
    return program;
  }
  void run(const Program& program, const Bindings& bindings) {
    const Buffer arena = memory_.allocate(program.memory().arena_bytes, "arena");
    ExecutionContext context{.threads = threads_, .arena = arena.data(), .memory = &memory_};
    program.run(context, bank_, bindings);
  }
  ProtectedMemory& memory() { return memory_; }

 private:
  ProtectedBackend backend_{make_cpu_backend()};
  Allocator host_;
  ProtectedMemory memory_;
  ThreadPool threads_{2};
  WeightBank bank_;
};

BoundInput host_input(const Tensor& t) {
  return {{t.shape, DType::F32}, reinterpret_cast<const std::byte*>(t.values.data())};
}

}  // namespace

TEST(ProtectedMemory, DrawsTheReferencesVelocity) {
  const Golden golden("dit_paths.safetensors");
  const Transformer& part = avatar_transformer();
  const Tensor &latent = golden["input/x"], &features = golden["input/cap_feats"], &pooled = golden["input/pooled"];
  const Tensor time{{1}, {golden["input/t"].values[0]}};
  const int64_t tokens = features.shape[0];
  const TensorSpec context_spec{{tokens, part.sizes.dim}, DType::F32};

  Device device(part);
  const Program context = device.compile(next_dit_context(part.sizes, tokens), "transformer");
  const Program step =
      device.compile(next_dit_step(part.sizes, tokens, latent.shape[1], latent.shape[2]), "transformer");
  const Buffer handed_on = device.memory().allocate(context_spec.bytes(), "context");
  device.run(context, {.inputs = {{"caption", host_input(features)}},
                       .outputs = {{"context", {context_spec, handed_on.data(), &device.memory()}}}});
  std::vector<float> velocity(latent.values.size());
  device.run(step,
             {.inputs = {{"latent", host_input(latent)},
                         {"time", host_input(time)},
                         {"context", {context_spec, handed_on.data(), &device.memory()}},
                         {"pooled", host_input(pooled)}},
              .outputs = {{"velocity", {{latent.shape, DType::F32}, reinterpret_cast<std::byte*>(velocity.data())}}}});
  EXPECT_LE(max_error(velocity, golden["velocity"].values), kF32Bound);

  const RunResult host_context =
      run_stage(next_dit_context(part.sizes, tokens), part, "transformer", kCpu, Numbers::F32, {{"caption", features}});
  const RunResult host_step = run_stage(next_dit_step(part.sizes, tokens, latent.shape[1], latent.shape[2]), part,
                                        "transformer", kCpu, Numbers::F32,
                                        {{"latent", latent},
                                         {"time", time},
                                         {"context", {context_spec.shape, host_context.output("context")}},
                                         {"pooled", pooled}});
  EXPECT_TRUE(same_bytes(velocity, host_step.output("velocity")));
}

}  // namespace newbie::test
