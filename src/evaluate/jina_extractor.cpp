// Jina CLIP v2's features (spec/jina_clip_v2.md §4.1: preprocessing).
#include <array>
#include <map>

#include "evaluate/extractor.h"
#include "evaluate/single_input_network.h"
#include "generate/parts.h"
#include "image/resize.h"
#include "models/jina_clip/graph.h"

namespace newbie {

namespace {

constexpr std::array<float, 3> kMean{0.48145466f, 0.4578275f, 0.40821073f},
    kDeviation{0.26862954f, 0.26130258f, 0.27577711f};
constexpr size_t kMostTokens = 8192;
constexpr const char* kPatches = "vision_model.patch_embed.proj.weight";

ClipModel open_both_towers(const std::filesystem::path& path, Log& log) {
  ClipModel part = open_clip_model(path, log);
  if (!part.weights.find(kPatches))
    fail_with_hint(ErrorKind::Unsupported,
                   "`clip_model`: the whole Jina CLIP v2: ComfyUI's single file has its text tower alone",
                   "{}: no vision tower", path.string());
  return part;
}

}  // namespace

struct JinaExtractor::Impl {
  Impl(Runtime& r, const std::filesystem::path& path, Log& log)
      : runtime(r),
        part(open_both_towers(path, log)),
        sizes(jina_vision_config(part.config_source())),
        network(r, part.weights, "clip_model"),
        vision(r, network, jina_vision(sizes)) {}

  Runtime& runtime;
  ClipModel part;
  JinaVisionConfig sizes;
  Network network;
  SingleInputNetwork vision;
  std::unique_ptr<Tokenizer> tokenizer;
};

JinaExtractor::JinaExtractor(Runtime& runtime, const std::filesystem::path& clip_model, Log& log)
    : impl_(std::make_unique<Impl>(runtime, clip_model, log)) {}
JinaExtractor::~JinaExtractor() = default;

size_t JinaExtractor::dimension() const { return impl_->vision.outputs(); }

void JinaExtractor::extract(const Image& rgb, std::span<float> out, StopToken stop) {
  const int side = static_cast<int>(impl_->sizes.image_size);
  const Image crop = center_crop(resize_shorter_side(rgb, side), side, side);
  std::vector<float> pixels;
  pixels.reserve(crop.pixels.size());
  for (size_t i = 0; i < crop.pixels.size(); ++i)
    pixels.push_back((static_cast<float>(crop.pixels[i]) / 255.0f - kMean[i % 3]) / kDeviation[i % 3]);
  impl_->vision.run(reinterpret_cast<const std::byte*>(pixels.data()), out, stop);
}

JinaExtractor::TextFeatures JinaExtractor::extract_texts(std::span<const std::string> texts, const Watch& watch) {
  Impl& i = *impl_;
  if (!i.tokenizer) i.tokenizer = i.part.open_tokenizer();
  TextFeatures out;
  std::multimap<size_t, size_t> order;  // token count -> text: each graph is made once
  std::vector<std::vector<int32_t>> ids;
  for (const std::string& text : texts) {
    TokenizedText tokens = i.tokenizer->encode(text, kMostTokens);
    for (const int32_t id : tokens.ids)
      if (id < 0 || id >= i.part.sizes.vocabulary)
        fail(ErrorKind::BadFile, "{}: the tokenizer gives id {}, the embedding has {} rows", i.part.path.string(), id,
             i.part.sizes.vocabulary);
    if (tokens.lost_tokens != 0) ++out.cut;
    order.emplace(tokens.ids.size(), ids.size());
    ids.push_back(std::move(tokens.ids));
  }
  out.features.columns = dimension();
  out.features.values.resize(checked_mul(texts.size(), dimension()));
  std::optional<SingleInputNetwork> text;
  size_t tokens = 0, done = 0;
  for (const auto& [count, index] : order) {
    watch.stop.throw_if_stopped();
    if (count != tokens) {
      text.emplace(i.runtime, i.network, jina_text(i.part.sizes, static_cast<int64_t>(count)));
      tokens = count;
    }
    text->run(reinterpret_cast<const std::byte*>(ids[index].data()),
              std::span(out.features.values).subspan(index * dimension(), dimension()), watch.stop);
    watch.on_item(++done, texts.size());
  }
  return out;
}

std::optional<double> JinaExtractor::logit_scale() const {
  const auto spec = impl_->part.weights.find("logit_scale");
  if (!spec || spec->shape.elements() != 1) return std::nullopt;
  float value = 0;
  impl_->part.weights.read("logit_scale", DType::F32, reinterpret_cast<std::byte*>(&value));
  return value;
}

}  // namespace newbie
