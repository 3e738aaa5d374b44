// The four parts of a model, and the words that name them: in files, and before the paths of their values in precision
// policies ("transformer.layers.0.feed_forward").
#pragma once

#include <array>
#include <string_view>

namespace newbie {

enum class PartKind { Transformer, TextEncoder, ClipModel, Vae };
inline constexpr std::array kParts{PartKind::Transformer, PartKind::TextEncoder, PartKind::ClipModel, PartKind::Vae};

constexpr std::string_view to_string(PartKind part) {
  switch (part) {
    case PartKind::Transformer: return "transformer";
    case PartKind::TextEncoder: return "text_encoder";
    case PartKind::ClipModel: return "clip_model";
    case PartKind::Vae: return "vae";
  }
  return "?";
}

}  // namespace newbie
