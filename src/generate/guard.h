// The guard: looks at numbers while a request is drawn, and runs a step again in wider ones where they went bad.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "generate/memory_plan.h"
#include "generate/network.h"
#include "image/image.h"

namespace newbie {

enum class GuardMode {
  Off,     // looks at nothing
  Warn,    // tells, and changes no value
  Retry,   // runs again with the bad block in f32, then with the whole part; an error when that does not help
  Strict,  // an error at the first bad value
};

struct GuardEvent {
  std::string where;    // "transformer.layers.7", "latent", "picture"
  std::string problem;  // in words
  std::string action;   // what was done about it
  int picture = 0;      // which of the batch
  int evaluation = 0;   // of the denoiser, from 1; 0 elsewhere
};

// The largest magnitude of a float tensor; infinite when there is an infinity, NaN when there is a NaN.
float abs_max(ConstTensorView value, ThreadPool& threads);

// One request's guard. Blocks are looked at where they end: a named value whose path ends in a number, as checkpoints
// number their blocks, and every output of a program.
class Guard {
 public:
  // Asked before a request is given up; throws an Error of its own when it knows more than the guard does.
  using Explain = std::function<void(std::string_view where)>;

  // `plan` is the request's; a retry must find room within its budget. All must outlive the guard.
  Guard(GuardMode mode, Runtime& runtime, Log& log, const MemoryPlan& plan, Explain explain);
  ~Guard();  // gives back what retries have loaded
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // One run of a loaded program. Its inputs stay as they were, so that it can be run again.
  struct Work {
    Network& network;
    std::function<Graph()> build;  // the graph that `program` was made of
    const Program& program;
    const Buffer& arena;
    const Bindings& bindings;
    const char* stage;  // of the plan
  };
  // Error{Unsupported} in strict mode, Error{BadFile} when values are bad in f32 too, Error{OverBudget} when there is
  // no room for the wider block.
  void run(const Work& work, StopToken stop);

  // Gives back what retries have loaded beside the network's own weights: at the end of a stage. What was found to need
  // f32 stays known.
  void end_stage(Network& network);

  // Values between programs. Error as above; nothing can be run again here.
  void check_finite(std::span<const float> values, const char* where);

  // A picture of one colour, at most one level apart in every channel, is bad: `draw`, which runs works of that kind,
  // is asked for it again with the whole part of `work` in f32, and only then is it given up. A nearly plain one is
  // worth a warning.
  void check_picture(Image& picture, const Work& work, const std::function<Image()>& draw);

  void at(int picture, int evaluation) { picture_ = picture, evaluation_ = evaluation; }
  const std::vector<GuardEvent>& events() const { return events_; }
  const std::vector<StagePlan>& retries() const { return retries_; }  // what their memory came to, by stage

 private:
  struct State {
    std::set<std::string> wide;                  // globs of what runs in f32
    std::map<const Program*, Program> programs;  // with these in f32, by the program they stand for
    std::vector<WeightUse> extra;                // loaded beside the network's own
  };
  PrecisionPolicy widened(const State& state) const;
  const Program& load_wider(State& state, const Work& work, StopToken stop);
  std::string widen(State& state, const Work& work, std::span<const std::string> globs);
  void run_once(const Work& work, StopToken stop, Observer* observer);
  void note(const std::string& where, const std::string& problem, const std::string& action);
  [[noreturn]] void give_up(const std::string& where, const std::string& problem);

  GuardMode mode_;
  Runtime& runtime_;
  Log& log_;
  const MemoryPlan& plan_;
  Explain explain_;
  std::map<Network*, State> states_;
  std::vector<GuardEvent> events_;
  std::vector<StagePlan> retries_;
  int picture_ = 0, evaluation_ = 0;
};

}  // namespace newbie
