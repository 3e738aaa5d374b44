// What a request does, stage by stage.
#include "generate/make_timeline.h"

#include "generate/stages/stages.h"

namespace newbie {

Timeline make_timeline(const JobContext& job, const RunVariant& variant) {
  const PreparedRequest& p = job.prepared;
  Draft draft{job, variant};
  if (p.starts_from_picture()) draft.once(picture_stage(draft));
  draft.once(gemma_stage(draft));
  draft.once(jina_stage(draft));
  draft.once(context_stage(draft));
  draft.once(noise_stage(draft, p.first()));
  if (p.hires()) {
    draft.for_each_picture({denoise_stage(draft, p.first())});
    draft.once(before_enlarging_stage(draft));
    draft.for_each_picture({enlarge_stage(draft), encode_stage(draft)});
    draft.once(after_enlarging_stage(draft));
    draft.once(noise_stage(draft, p.last()));
  }
  if (variant.frees_each()) {
    draft.for_each_picture({denoise_stage(draft, p.last())});
    draft.once(before_decoding_stage(draft));
    draft.for_each_picture({decode_stage(draft), save_stage(draft)});
  } else {
    draft.for_each_picture({denoise_stage(draft, p.last()), decode_stage(draft), save_stage(draft)});
  }
  return std::move(draft.timeline);
}

}  // namespace newbie
