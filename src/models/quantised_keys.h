// How a safetensors file says that a weight is stored in fewer bits (spec/checkpoints.md §9): scales beside it,
// ComfyUI's JSON markers `X.comfy_quant` and `_quantization_metadata`, bitsandbytes' states. A marker that is not
// understood is an error: the values would be wrong without a word.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace newbie {

// What is asked of a file beside its keys.
struct KeyFacts {
  std::span<const std::string> keys;                              // sorted
  std::function<std::string_view(const std::string& key)> dtype;  // the format's word, "U8"
  std::function<std::string(const std::string& key)> text;        // the bytes of a small tensor
  std::string_view quantization;                                  // the metadata's `_quantization_metadata`
  std::string_view where;                                         // names the file in messages
};

enum class WeightScheme {
  Scaled,    // q · scale, of the whole, a row or a tile; q is a float, or I8
  Nvfp4,     // E2M1 · (scale of 16, E4M3, swizzled · scale of all)
  Mxfp8,     // E4M3 · 2^scale of 32, swizzled
  Codebook,  // bitsandbytes: table[q] · scale of a block
};

struct QuantisedWeight {
  WeightScheme scheme = WeightScheme::Scaled;
  std::string format;               // as a marker names it; empty: there is none
  std::optional<DType> bytes_as;    // what a marker says the bytes are
  int rotation = 0;                 // inputs of a group that was rotated (ConvRot); 0: none
  std::string scale, second_scale;  // keys; empty: none
  std::string input_scale;          // of the layer's inputs, folded into its columns (AWQ's pre_quant_scale)
  std::string table, nested_scale, nested_table;  // of Codebook
  std::string state;                              // of Codebook: JSON
};

struct QuantisedKeys {
  std::vector<std::string> keys;  // all others, in their order: what a name map is made from
  std::map<std::string, QuantisedWeight, std::less<>> weights;  // by the weight's key, which is among `keys`
  std::vector<std::string> ignored;                             // marks, and scales of activations
};

// A scale without a weight stays among the keys. Error{BadFile} when a weight has two scales, or lacks what its format
// needs, or is of another dtype than its marker says; Error{Unsupported} naming the format for those that are not read.
QuantisedKeys split_quantised(const KeyFacts& facts);

}  // namespace newbie
