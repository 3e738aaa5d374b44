// A word about prompts that look broken, for people who are drawing already.
#pragma once

#include "core/log.h"
#include "generate/known.h"
#include "generate/request.h"

namespace newbie {

// Warns of the first error that newbie prompt lint would tell of each prompt; of the rest that tool speaks.
void warn_of_slips(const GenerateRequest& request, Log& log);

// Warns of words and of a size that the model never learned.
void warn_of_unknown(const KnownThings& known, const GenerateRequest& request, PictureSize size, Log& log);

}  // namespace newbie
