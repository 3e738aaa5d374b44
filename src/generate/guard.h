// The guard: looks at numbers while a request is drawn, and runs a step again in wider ones where they went bad. What
// the least of that takes is part of the plan (MemoryPlan::retries), so that a retry never goes over the budget.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "generate/guard_mode.h"
#include "generate/job_context.h"
#include "generate/memory_plan.h"
#include "generate/run_observer.h"
#include "generate/timeline.h"
#include "image/image.h"

namespace newbie {

// One request's guard. Blocks are looked at where they end: a named value whose path ends in a number, as checkpoints
// number their blocks, and every output of a program.
class Guard {
 public:
  // `plan` is the request's: a retry finds room within its budget. `observer` is told of events as they happen. All
  // must outlive the guard.
  Guard(const JobContext& job, const MemoryPlan& plan, RunObserver& observer);
  ~Guard();  // gives back what retries have loaded
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // One run of a loaded program. Its inputs stay as they were, so that it can be run again.
  struct Task {
    Network& network;
    const CachedProgram& program;
    const ProgramList& programs;  // all that the stage runs, of any network
    Buffer& arena;                // grows when a retry needs a larger one
    const Bindings& bindings;
    RunWatch watch;
  };
  // Error{Unsupported} in strict mode, Error{BadFile} when values are bad in f32 too.
  void run(const Task& task, StopToken stop);

  // Gives back what retries have loaded beside the network's own weights: at the end of a stage. What was found to need
  // f32 stays known.
  void end_stage(Network& network);

  // Values between programs. Error as above; nothing can be run again here.
  void check_finite(std::span<const float> values, const char* where, const RunPlace& at);

  // A picture of one colour, at most one level apart in every channel, is bad: `draw`, which runs tasks of that kind,
  // is asked for it again with the whole part of `task` in f32, and only then is it given up. A nearly plain one is
  // worth a warning.
  void check_picture(Image& picture, const Task& task, const std::function<Image()>& draw);

  const std::vector<GuardEvent>& events() const { return events_; }
  const std::vector<StagePlan>& retries() const { return retries_; }  // what their memory came to, by stage

 private:
  struct State;  // of a network
  State& state_of(const Network& network);
  // Runs wider from now on, in the first of `globs` that changes anything and has room; empty when none does.
  std::string widen(const Task& task, std::span<const std::string> globs, StopToken stop);
  void enter(State& state, const Task& task, StopToken stop);
  bool try_enter(State& state, const Task& task, StopToken stop);
  void run_once(const Task& task, StopToken stop, Observer* observer);
  bool outputs_finite(const Bindings& bindings) const;
  void note(const std::string& where, const std::string& problem, const std::string& action);
  [[noreturn]] void give_up(const std::string& where, const std::string& problem);

  const JobContext& job_;
  const GuardMode mode_;
  ThreadPool& threads_;
  const MemoryPlan& plan_;
  RunObserver& observer_;
  std::map<const Network*, std::unique_ptr<State>> states_;
  std::vector<GuardEvent> events_;
  std::vector<StagePlan> retries_;
  RunPlace at_;
};

}  // namespace newbie
