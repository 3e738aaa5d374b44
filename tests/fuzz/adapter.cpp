// Adapter files against a tiny model: what is accepted changes rows that the model has, computes, and reads the same
// after it was written. A text that opens with a brace is an adapter_config.json.
#include "adapters/change.h"
#include "adapters/read.h"
#include "adapters/scale_rules.h"
#include "adapters/write.h"
#include "fuzz/memory_file.h"

using namespace newbie;

namespace {

const AdapterBase& tiny_model() {
  static const AdapterBase base{.transformer = {{"layers.0.attention.qkv.weight", {8, 4}},
                                                {"layers.0.attention.out.weight", {4, 4}},
                                                {"layers.0.attention_norm1.weight", {4}},
                                                {"layers.0.feed_forward.w1.weight", {6, 4}},
                                                {"time_text_embed.1.weight", {4, 6}},
                                                {"time_text_embed.1.bias", {4}}},
                                .text_encoder = {{"layers.0.self_attn.q_proj.weight", {4, 4}},
                                                 {"layers.0.self_attn.k_proj.weight", {2, 4}},
                                                 {"layers.0.self_attn.v_proj.weight", {2, 4}}},
                                .q_rows = 4,
                                .kv_rows = 2};
  return base;
}

void use(const AdapterChange& change) {
  const AdapterBase::Weights& weights = tiny_model().weights(change.part);
  const auto weight = weights.find(change.weight);
  fuzz::require(weight != weights.end() && weight->second == change.shape, "a change is of a weight of the model");
  fuzz::require(change.first_row >= 0 && change.rows > 0 && change.first_row <= change.shape[0] - change.rows,
                "a change is of rows that there are");
  const DerivedTensor base = held_tensor(change.shape, std::vector<float>(change.shape.elements(), 0.25f));
  fuzz::require(values_of(changed_weight(base, {{change, 0.5}})).size() == change.shape.elements(), "it computes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const auto kinds = {ErrorKind::BadFile, ErrorKind::Unsupported};
  if (bytes.starts_with('{')) {
    fuzz::survives(kinds, [&] {
      const ScaleRules rules(std::string(bytes), "fuzz", {}, "fuzz", true);
      rules.scale(AdapterPart::Transformer, "layers.0.attention.out", 2);
    });
    return 0;
  }
  static const fuzz::MemoryFile file;
  file.write(bytes);
  // Sizes that overflow are refused where they are multiplied.
  const auto of_sizes = {ErrorKind::BadFile, ErrorKind::Unsupported, ErrorKind::InvalidRequest};
  fuzz::survives(of_sizes, [&] {
    const Adapter adapter = read_adapter(file.path(), tiny_model());
    fuzz::require(!adapter.changes.empty() && adapter.modules != 0, "what is read changes something");
    for (const AdapterChange& change : adapter.changes) use(change);
    for (const AdapterForm form : {AdapterForm::Peft, AdapterForm::ComfyUi, AdapterForm::Diffusers, AdapterForm::Kohya})
      fuzz::survives({ErrorKind::Unsupported},
                     [&] { adapter_contents(adapter.changes, tiny_model(), {.form = form}); });
  });
  return 0;
}
