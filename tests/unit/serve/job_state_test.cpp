// All states and all moves: what is not in the table does not happen.
#include "serve/job_state.h"

#include <gtest/gtest.h>

#include <map>

namespace newbie {
namespace {

TEST(JobState, TheWholeTable) {
  const std::map<std::pair<JobState, JobMove>, JobState> allowed{
      {{JobState::Queued, JobMove::Start}, JobState::Running},
      {{JobState::Queued, JobMove::Cancel}, JobState::Cancelled},
      {{JobState::Queued, JobMove::Fail}, JobState::Failed},
      {{JobState::Running, JobMove::Cancel}, JobState::Stopping},
      {{JobState::Running, JobMove::Finish}, JobState::Done},
      {{JobState::Running, JobMove::Fail}, JobState::Failed},
      {{JobState::Stopping, JobMove::Stop}, JobState::Cancelled},
      {{JobState::Stopping, JobMove::Finish}, JobState::Done},
      {{JobState::Stopping, JobMove::Fail}, JobState::Failed}};
  for (const JobState state : kJobStates)
    for (const JobMove move : kJobMoves) {
      const auto found = allowed.find({state, move});
      const std::optional<JobState> expected = found == allowed.end() ? std::nullopt : std::optional(found->second);
      EXPECT_EQ(after(state, move), expected) << to_string(state) << ", move " << static_cast<int>(move);
    }
}

TEST(JobState, NothingLeadsOutOfAFinalState) {
  for (const JobState state : kJobStates) {
    bool has_way = false;
    for (const JobMove move : kJobMoves) has_way = has_way || after(state, move).has_value();
    EXPECT_EQ(has_way, !is_final(state)) << to_string(state);
  }
}

TEST(JobState, NamesAreReadBack) {
  for (const JobState state : kJobStates) EXPECT_EQ(job_state_of(to_string(state)), state);
  EXPECT_FALSE(job_state_of("asleep"));
}

}  // namespace
}  // namespace newbie
