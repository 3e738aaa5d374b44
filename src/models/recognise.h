// What a file is, by its keys alone: a part of NewBie-image, an adapter, or something else.
#pragma once

#include <string>
#include <string_view>

#include "models/foreign_models.h"

namespace newbie {

enum class FileKind { Transformer, TextEncoder, ClipModel, Vae, Adapter, Foreign, Unknown };

struct Recognised {
  FileKind kind = FileKind::Unknown;
  std::string words;  // "the text encoder Gemma 3 4B", "Stable Diffusion XL": for messages
};

// What a file is first of all: a bundle of several parts is its transformer.
Recognised recognise(const HeaderShapes& header);

// Whether one of the four parts is in the file.
bool holds(const HeaderShapes& header, FileKind part);

// "NewBie-image's transformer (NextDiT)" and its like.
std::string_view to_string(FileKind kind);

}  // namespace newbie
