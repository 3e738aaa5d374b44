// The kinds of graph that a request runs: which network each is of, and how it is built for a shape.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "compile/band_convolutions.h"
#include "generate/model.h"
#include "generate/network_kind.h"
#include "graph/graph.h"

namespace newbie {

enum class GraphKind {
  GemmaFeatures,  // {tokens}
  GemmaHidden,    // {tokens}: some of them hidden from attention, for prompt weights below 1
  JinaText,       // {tokens}
  Context,        // {tokens}
  Step,           // {tokens, latent h, latent w}: a whole evaluation; or, for a step cache, in three:
  StepFirst,      // {tokens, latent h, latent w}
  StepRest,       // {tokens, latent h, latent w}
  StepLast,       // {tokens, latent h, latent w}
  Decode,         // {latent h, latent w}
  Encode,         // {latent h, latent w}
};

// Everything that tells programs of an engine apart.
struct ProgramKey {
  GraphKind graph;
  std::array<int64_t, 3> shape{};  // as the kind says
  Bands bands = Bands::None;       // of the autoencoder
  bool wide = false;               // all of its part in f32, for the guard

  std::string adapters = {};  // what lies over its part (AdaptedWeights::tag); empty: nothing

  auto operator<=>(const ProgramKey&) const = default;
};

NetworkKind network_of(GraphKind graph);
Graph build_graph(const OpenedModel& model, const ProgramKey& key);

}  // namespace newbie
