// Adapters merged into a model's files for good: the same files, with some tensors changed.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "core/stop_token.h"
#include "generate/adapt_part.h"
#include "generate/parts.h"

namespace newbie {

struct MergedFiles {
  std::vector<std::filesystem::path> written;
  size_t weights = 0;  // that were changed
};

// Writes each part that the adapters change into a folder of its name below `destination`: its weight files under
// their names with the same keys, dtypes and metadata, changed tensors computed in f32 and rounded once, and what lies
// beside them (configuration, tokenizer). `on_file` is told each before it is written. Error{Unsupported} for weights
// that are stored as scaled 8-bit numbers: what a change loses in them is named. Error{InvalidRequest} when a file is
// there already, or nothing would change, Error{Cancelled} when stopped. After an error nothing is left of the
// destination.
MergedFiles merge_adapters(const Transformer& transformer, const TextEncoder& text_encoder,
                           std::span<const UsedAdapter> used, const std::filesystem::path& destination,
                           const std::function<void(const std::filesystem::path&)>& on_file = {}, StopToken stop = {});

}  // namespace newbie
