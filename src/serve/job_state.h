// What may happen to a job. No clock, no thread, no HTTP: a table, and a test walks all of it.
#pragma once

#include <optional>
#include <string_view>

namespace newbie {

enum class JobState {
  Queued,     // waits for its turn and its memory
  Running,    // owns its memory and draws
  Stopping,   // was asked to stop; still owns its memory, for one block of a network at most
  Done,       // for good, as are the next two: kept until the store is full or its time is over
  Failed,     // has an Error that says why
  Cancelled,  // by its owner, by its client's leaving, or because nobody would wait longer
};
inline constexpr JobState kJobStates[] = {JobState::Queued, JobState::Running, JobState::Stopping,
                                          JobState::Done,   JobState::Failed,  JobState::Cancelled};

enum class JobMove {
  Start,   // a worker takes it
  Cancel,  // somebody wants it no more
  Stop,    // the engine did stop
  Finish,  // all its pictures are there
  Fail,    // it cannot be drawn, or was lost with an earlier process
};
inline constexpr JobMove kJobMoves[] = {JobMove::Start, JobMove::Cancel, JobMove::Stop, JobMove::Finish, JobMove::Fail};

std::string_view to_string(JobState state);  // "queued", "running", "cancelling", "done", "failed", "cancelled"
std::optional<JobState> job_state_of(std::string_view name);
bool is_final(JobState state);

// Where `move` leads from `state`; nothing where it may not happen.
std::optional<JobState> after(JobState state, JobMove move);

}  // namespace newbie
