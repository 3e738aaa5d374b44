// The networks of a model: one for each part, and two for the autoencoder.
#pragma once

#include <array>
#include <string_view>

#include "models/part_kind.h"

namespace newbie {

enum class NetworkKind { Gemma, Jina, Dit, Decoder, Encoder };

struct NetworkRow {
  NetworkKind network;
  PartKind part;
  std::string_view words;  // for people
};
inline constexpr std::array kNetworks{
    NetworkRow{NetworkKind::Gemma, PartKind::TextEncoder, "Gemma"},
    NetworkRow{NetworkKind::Jina, PartKind::ClipModel, "Jina CLIP"},
    NetworkRow{NetworkKind::Dit, PartKind::Transformer, "the transformer"},
    NetworkRow{NetworkKind::Decoder, PartKind::Vae, "the autoencoder"},
    NetworkRow{NetworkKind::Encoder, PartKind::Vae, "the autoencoder"},
};
constexpr const NetworkRow& row_of(NetworkKind network) { return kNetworks[static_cast<size_t>(network)]; }

// Something of each network.
template <typename T>
class PerNetwork {
 public:
  T& operator[](NetworkKind network) { return items_[static_cast<size_t>(network)]; }
  const T& operator[](NetworkKind network) const { return items_[static_cast<size_t>(network)]; }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  std::array<T, kNetworks.size()> items_{};
};

}  // namespace newbie
