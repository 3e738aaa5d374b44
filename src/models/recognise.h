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
// `texts`: the file's metadata, where GGUF says what it holds.
Recognised recognise(const HeaderShapes& header, const std::map<std::string, std::string>& texts = {});

// Whether one of the four parts is in the file.
bool holds(const HeaderShapes& header, FileKind part);

// The table of token embeddings of a Gemma 3, in any naming; nullptr: none.
const HeaderShapes::value_type* find_token_table(const HeaderShapes& header);

// "NewBie-image's transformer (NextDiT)" and its like.
std::string_view to_string(FileKind kind);

}  // namespace newbie
