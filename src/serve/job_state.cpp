#include "serve/job_state.h"

#include <array>

namespace newbie {

namespace {

struct AllowedMove {
  JobState from;
  JobMove move;
  JobState to;
};

// A job that was asked to stop may still be done first: what is finished is not thrown away.
constexpr AllowedMove kAllowed[] = {
    {JobState::Queued, JobMove::Start, JobState::Running},    {JobState::Queued, JobMove::Cancel, JobState::Cancelled},
    {JobState::Queued, JobMove::Fail, JobState::Failed},      {JobState::Running, JobMove::Cancel, JobState::Stopping},
    {JobState::Running, JobMove::Finish, JobState::Done},     {JobState::Running, JobMove::Fail, JobState::Failed},
    {JobState::Stopping, JobMove::Stop, JobState::Cancelled}, {JobState::Stopping, JobMove::Finish, JobState::Done},
    {JobState::Stopping, JobMove::Fail, JobState::Failed},
};

constexpr std::array<std::string_view, std::size(kJobStates)> kStateNames{"queued", "running", "cancelling",
                                                                          "done",   "failed",  "cancelled"};

}  // namespace

std::string_view to_string(JobState state) { return kStateNames[static_cast<size_t>(state)]; }

std::optional<JobState> job_state_of(std::string_view name) {
  for (const JobState state : kJobStates)
    if (to_string(state) == name) return state;
  return std::nullopt;
}

bool is_final(JobState state) {
  return state == JobState::Done || state == JobState::Failed || state == JobState::Cancelled;
}

std::optional<JobState> after(JobState state, JobMove move) {
  for (const AllowedMove& allowed : kAllowed)
    if (allowed.from == state && allowed.move == move) return allowed.to;
  return std::nullopt;
}

}  // namespace newbie
