// The adapters of a job: opened, and laid over the parts they change.
#pragma once

#include <memory>
#include <vector>

#include "compile/precision.h"
#include "generate/open_adapters.h"

namespace newbie {

struct JobAdapters {
  std::vector<UsedAdapter> used;
  std::shared_ptr<const AdaptedWeights> transformer, text_encoder;  // null: not changed
};

// Those of `request`, which then has its prompts without <lora:…> (they come behind the listed ones, the prompt's
// first) and every adapter with the hash of its file. Error{Unsupported} when they are to be merged into matrices that
// `precision` multiplies with 8-bit numbers: it names the share of the changes that would be lost.
JobAdapters job_adapters(AdapterLibrary& library, const PrecisionPolicy& precision, GenerateRequest& request, Log& log);

}  // namespace newbie
