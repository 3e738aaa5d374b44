#include "stages.h"

#include <cstdio>

namespace newbie::test {

RunResult run_stage(const Graph& graph, const Part& part, const std::string& part_name, const Way& way, Numbers numbers,
                    const Tensors& inputs, bool observe) {
  const auto backend = way.cpu ? make_cpu_backend() : make_reference_backend();
  const DeviceCaps device{.name = "any", .native_bf16 = true};
  const PrecisionRequest request = numbers == Numbers::F32    ? PrecisionPreset::F32
                                   : numbers == Numbers::BF16 ? PrecisionPreset::BF16
                                                              : PrecisionPreset::Int8;
  const CompileOptions options{
      .precision = resolve_precision(request, device).policy, .part = part_name, .threads = 2, .fuse = way.fuse};
  return execute(graph, *backend, options, part.weights, inputs, observe);
}

const Transformer& avatar_transformer() {
  static const Transformer part = open_transformer(avatar_path() / "transformer", silent_log());
  return part;
}
const TextEncoder& avatar_text_encoder() {
  static const TextEncoder part = open_text_encoder(avatar_path() / "text_encoder", silent_log());
  return part;
}
const ClipModel& avatar_clip_model() {
  static const ClipModel part = open_clip_model(avatar_path() / "clip_model", silent_log());
  return part;
}
const Vae& avatar_vae() {
  static const Vae part = open_vae(avatar_path() / "vae", silent_log());
  return part;
}

void report(const std::string& stage, const Way& way, double measured, double bound) {
  std::printf("[ measured ] %-28s %-12s %10.3g of %10.3g\n", stage.c_str(), way.name, measured, bound);
}

}  // namespace newbie::test
