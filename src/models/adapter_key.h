// The grammar of keys in adapter files (spec/training.md §6): what they are prefixed with, and which factor of which
// module they name. The module's own name is left as the file spells it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace newbie {

// What a tensor of an adapter is.
enum class AdapterRole {
  Down,       // LoRA: the first factor, [rank, inputs]
  Up,         // the second, [outputs, rank]
  Middle,     // a matrix between them, [rank, rank]
  UpBias,     // PEFT's lora_bias, [outputs]
  Magnitude,  // DoRA
  Alpha,      // a number: alpha / rank is the scale
  Kronecker1,
  Kronecker1A,
  Kronecker1B,
  Kronecker2,
  Kronecker2A,
  Kronecker2B,
  Hadamard1A,
  Hadamard1B,
  Hadamard2A,
  Hadamard2B,
  Difference,      // of a weight or a norm
  BiasDifference,  // of a bias
  NewWeight,       // instead of the weight
  NewBias,
  Unread,  // a factor of a kind that is known and not read: OFT, GLoRA, Tucker, …
};

struct AdapterKey {
  std::string_view module;  // prefix and all, as it stands: "base_model.model.layers.0.attention.qkv"
  AdapterRole role;
  std::string_view factor;   // as it stands, without the dot: "lora_A"
  std::string_view adapter;  // PEFT's name of it inside the key: "default"; often empty
};

// The parts of a key, or nothing when no part of an adapter is named so. `.weight` and `.bias` alone are read as new
// ones only behind PEFT's prefix.
std::optional<AdapterKey> parse_adapter_key(std::string_view key);

// What may stand in front of a module's name; the words say whose habit it is.
struct AdapterPrefix {
  enum class Of { Any, Transformer, TextEncoder, Clip };
  std::string_view text, naming;
  Of part = Of::Any;
};
std::span<const AdapterPrefix> adapter_prefixes();  // longer ones first

}  // namespace newbie
