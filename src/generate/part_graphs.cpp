#include "generate/part_graphs.h"

#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"

namespace newbie {

namespace {

constexpr int64_t kTokens = 16;
constexpr int64_t kLatentSide = 8;

}  // namespace

std::vector<NamedGraph> transformer_graphs(const Transformer& part) {
  const int64_t side = kLatentSide * part.sizes.patch;
  std::vector<NamedGraph> graphs;
  graphs.push_back({"context", next_dit_context(part.sizes, kTokens)});
  graphs.push_back({"step", next_dit_step(part.sizes, kTokens, side, side)});
  return graphs;
}

OpenedPart open_part(const std::filesystem::path& path, FileKind kind, Strictness strictness) {
  OpenedPart out;
  const auto add = [&](const char* name, Graph graph) { out.graphs.push_back({name, std::move(graph)}); };
  if (kind == FileKind::Transformer) {
    auto part = std::make_unique<Transformer>(open_transformer(path, silent_log(), strictness));
    out.graphs = transformer_graphs(*part);
    out.name = "transformer";
    out.part = std::move(part);
  } else if (kind == FileKind::TextEncoder) {
    auto part = std::make_unique<TextEncoder>(open_text_encoder(path, silent_log(), strictness));
    add("features", gemma3_features(part->sizes, kTokens));
    out.name = "text_encoder";
    out.part = std::move(part);
  } else if (kind == FileKind::ClipModel) {
    auto part = std::make_unique<ClipModel>(open_clip_model(path, silent_log(), strictness));
    add("text", jina_text(part->sizes, kTokens));
    out.name = "clip_model";
    out.part = std::move(part);
  } else {
    auto part = std::make_unique<Vae>(open_vae(path, silent_log(), strictness));
    add("decoder", flux_vae_decoder(part->sizes, kLatentSide, kLatentSide));
    // A file with the decoder alone can draw.
    if (part->weights.find("encoder.conv_in.weight"))
      add("encoder",
          flux_vae_encoder(part->sizes, kLatentSide * part->sizes.downscale(), kLatentSide * part->sizes.downscale()));
    out.name = "vae";
    out.part = std::move(part);
  }
  return out;
}

}  // namespace newbie
