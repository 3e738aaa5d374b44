// Which weight of a model a module's name in an adapter file means, in every spelling that is in use: native names,
// diffusers', Z-Image's and Lumina's, with dots or underscores, with or without prefixes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/adapter.h"

namespace newbie {

// Rows of one module; a file may keep several in one matrix (qkv_proj), or one in several (to_q, to_k, to_v).
struct ModuleRows {
  AdapterPart part = AdapterPart::Transformer;
  std::string module;  // "layers.0.attention.qkv"
  int64_t first_row = 0, rows = 0;
};

struct FoundModule {
  std::vector<ModuleRows> pieces;  // in the order of the file's rows
  std::string name;                // without prefixes, as the file spells it
};

class ModuleIndex {
 public:
  // `base` must outlive the index.
  explicit ModuleIndex(const AdapterBase& base);

  // Nothing when no weight of the model is called so. Prefixes (models/adapter_key.h) may be nested.
  std::optional<FoundModule> find(std::string_view spelled) const;

  // What a name that was not found looks like, for messages: a layer beyond the last, Jina CLIP's, or the nearest name.
  // Empty when it is like nothing here.
  std::string resemblance(std::string_view spelled) const;

  const AdapterBase& base() const { return base_; }

 private:
  using Names = std::map<std::string, std::vector<ModuleRows>, std::less<>>;

  void add(AdapterPart part, const std::string& name, std::vector<ModuleRows> pieces);
  void add_transformer();
  void add_text_encoder();
  Names& names(AdapterPart part) { return part == AdapterPart::Transformer ? transformer_ : text_encoder_; }

  const AdapterBase& base_;
  Names transformer_, text_encoder_;
};

}  // namespace newbie
