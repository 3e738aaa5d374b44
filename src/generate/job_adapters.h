// The adapters of a job: opened, and laid over the parts they change.
#pragma once

#include <memory>
#include <vector>

#include "compile/precision.h"
#include "generate/open_adapters.h"
#include "models/part_kind.h"

namespace newbie {

struct JobAdapters {
  std::vector<UsedAdapter> used;
  std::shared_ptr<const AdaptedWeights> transformer, text_encoder;  // null: not changed

  std::shared_ptr<const AdaptedWeights> over(PartKind part) const {
    return part == PartKind::Transformer ? transformer : part == PartKind::TextEncoder ? text_encoder : nullptr;
  }
};

// What <lora:…> in the prompts names comes behind the listed adapters, the prompt's first, and out of the prompts.
void move_prompt_adapters(GenerateRequest& request);

// The adapters of `request`, which then has the hash of every file. Error{Unsupported} when they are to be merged into
// matrices that `precision` multiplies with 8-bit numbers: it names the share of the changes that would be lost.
JobAdapters job_adapters(AdapterLibrary& library, const PrecisionPolicy& precision, GenerateRequest& request, Log& log);

}  // namespace newbie
