// RunObserver: what a running job tells, each event with its place in the timeline. One observer a job; it is called
// from the thread that runs the job. What it throws ends the run and passes through.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "backend/program.h"
#include "generate/guard_mode.h"
#include "generate/stage.h"
#include "image/image.h"

namespace newbie {

class Graph;
class WeightSource;

// Where in its timeline a run is.
struct RunPlace {
  StageKind stage = StageKind::Plan;
  int pass = 0;                         // 0: the first walk, 1: the hires pass
  int picture = 0, pictures = 1;        // which of the batch; the first where a stage is of all of them
  int evaluation = 0, evaluations = 0;  // of the denoiser, from 1, in this picture's pass; 0 elsewhere
};

// A picture of what the model expects at a step: the clean picture, not the noisy one it works on.
struct Preview {
  int step = 0, steps = 0;  // done and in all, of this picture's pass
  const Image& image;       // during the call only
};

class RunObserver {
 public:
  // What on_value sees: nothing, what the model names, or everything. Everything has names only in an engine that was
  // opened with EngineOptions::name_values.
  enum class Values { None, Named, All };
  // What costs time to tell, and so is told only when it is wanted. Asked for once a run of a program.
  struct Wants {
    Values values = Values::None;
    bool graphs = false;       // on_graph
    bool operations = false;   // on_operation
    bool alterations = false;  // alter: for tests
  };

  virtual ~RunObserver() = default;
  virtual Wants wants() const { return {}; }

  virtual void on_stage(const RunPlace& /*at*/) {}                     // it begins
  virtual void on_step(const RunPlace& /*at*/, double /*seconds*/) {}  // that evaluation is done, and took so long
  // When the request asks for previews: before one is made, and when it is there.
  virtual bool wants_preview(const RunPlace& /*at*/) { return true; }
  virtual void on_preview(const RunPlace& /*at*/, const Preview& /*preview*/) {}
  virtual void on_guard(const RunPlace& /*at*/, const GuardEvent& /*event*/) {}  // as soon as the guard has acted
  // The normalised latent after interval `step` of a pass, from 0.
  virtual void on_latent(const RunPlace& /*at*/, int /*step*/, std::span<const float> /*latent*/) {}

  // `part` is the word before the part's paths: "transformer".
  // Before the first stage, a graph as it is going to run; `program` tells it from others. The references hold as long
  // as the job does.
  virtual void on_graph(std::string_view /*part*/, const Graph& /*graph*/, const Program& /*program*/,
                        const WeightSource& /*weights*/) {}
  // Before a program of `part` runs: its weights are loaded and its arena is allocated. What is seen next is of it.
  virtual void on_run(const RunPlace& /*at*/, std::string_view /*part*/, const Program& /*program*/,
                      const Bindings& /*bindings*/) {}
  // A value after the op that made it. Values::Named: after the run the outputs follow, by their names.
  virtual void on_value(const RunPlace& /*at*/, std::string_view /*part*/, const std::string& /*path*/,
                        ConstTensorView /*value*/) {}
  // A named value after the op that made it, before anybody reads it: may be changed.
  virtual void alter(const RunPlace& /*at*/, std::string_view /*part*/, const std::string& /*path*/,
                     TensorView /*value*/) {}
  virtual void on_operation(const RunPlace& /*at*/, std::string_view /*part*/, const StepInfo& /*operation*/,
                            StepClock::Clock::time_point /*start*/, StepClock::Clock::time_point /*end*/) {}
};

// Who looks on, and where the run is just now.
struct RunWatch {
  RunObserver* observer = nullptr;
  RunPlace at;
};

}  // namespace newbie
