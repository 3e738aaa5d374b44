// The identity of one part of a model (transformer, VAE, …): the same for the same bytes wherever they lie.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "weights/formats/weight_file.h"

namespace newbie {

// SHA-256, lowercase hex, over
//   1. for every file in order of file name: its size (u64 little-endian) and its header (length and JSON, as stored);
//   2. the data buffers of all files, in the same order, as one stream of n bytes: the whole stream when the files
//      together have at most 64 MiB; otherwise 4096 blocks of 4 KiB (16 MiB), block i starting at floor(i·(n −
//      4096)/4095), so that the first and the last bytes are always among them.
// Names and folders do not enter. A changed byte between two blocks is not seen: this tells models apart, it does not
// prove that a large download is undamaged.
std::string fingerprint(std::span<const std::shared_ptr<const WeightFile>> files);

}  // namespace newbie
