// From a prepared request to its timeline.
#pragma once

#include "generate/job_context.h"
#include "generate/run_variant.h"
#include "generate/timeline.h"

namespace newbie {

// `job` must outlive the timeline.
Timeline make_timeline(const JobContext& job, const RunVariant& variant);

}  // namespace newbie
