#include "generate/stages/stages.h"

#include "generate/job_programs.h"

namespace newbie {

BufferId Draft::arena(const char* purpose, const ProgramList& programs) {
  return add({purpose, largest_arena_bytes(programs), true});
}

void Draft::once(Stage stage) { timeline.entries.push_back({std::make_shared<const Stage>(std::move(stage)), 0}); }

void Draft::for_each_picture(std::vector<Stage> stages) {
  std::vector<std::shared_ptr<const Stage>> shared;
  for (Stage& stage : stages) shared.push_back(std::make_shared<const Stage>(std::move(stage)));
  for (int k = 0; k < job.request().batch; ++k)
    for (const auto& stage : shared) timeline.entries.push_back({stage, k});
}

void append_work(std::vector<Act>& acts, const std::vector<BufferId>& buffers, Perform work) {
  for (const BufferId id : buffers) acts.emplace_back(Take{id});
  acts.emplace_back(std::move(work));
  for (const BufferId id : buffers) acts.emplace_back(Give{id});
}

}  // namespace newbie
