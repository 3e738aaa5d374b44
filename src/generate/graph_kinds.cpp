#include "generate/graph_kinds.h"

#include "core/error.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"

namespace newbie {

NetworkKind network_of(GraphKind graph) {
  switch (graph) {
    case GraphKind::GemmaFeatures:
    case GraphKind::GemmaHidden: return NetworkKind::Gemma;
    case GraphKind::JinaText: return NetworkKind::Jina;
    case GraphKind::Context:
    case GraphKind::Step:
    case GraphKind::StepFirst:
    case GraphKind::StepRest:
    case GraphKind::StepLast: return NetworkKind::Dit;
    case GraphKind::Decode: return NetworkKind::Decoder;
    case GraphKind::Encode: return NetworkKind::Encoder;
  }
  fail(ErrorKind::Internal, "a graph of no network");
}

Graph build_graph(const OpenedModel& m, const ProgramKey& key) {
  const auto [a, b, c] = key.shape;
  switch (key.graph) {
    case GraphKind::GemmaFeatures: return gemma3_features(m.text_encoder.sizes, a);
    case GraphKind::GemmaHidden: return gemma3_features_with_hidden(m.text_encoder.sizes, a);
    case GraphKind::JinaText: return jina_text(m.clip_model.sizes, a);
    case GraphKind::Context: return next_dit_context(m.transformer.sizes, a);
    case GraphKind::Step: return next_dit_step(m.transformer.sizes, a, b, c);
    case GraphKind::StepFirst: return next_dit_first(m.transformer.sizes, a, b, c);
    case GraphKind::StepRest: return next_dit_rest(m.transformer.sizes, a, b, c);
    case GraphKind::StepLast: return next_dit_last(m.transformer.sizes, a, b, c);
    case GraphKind::Decode: return flux_vae_decoder(m.vae.sizes, a, b);
    case GraphKind::Encode:
      return flux_vae_encoder(m.vae.sizes, a * m.vae.sizes.downscale(), b * m.vae.sizes.downscale());
  }
  fail(ErrorKind::Internal, "a graph of no kind");
}

}  // namespace newbie
