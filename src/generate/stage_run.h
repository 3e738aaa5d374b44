// StageRun: what the work of a stage finds when it runs: the job, its networks and buffers, and who looks on.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "generate/guard.h"
#include "generate/init_picture.h"
#include "generate/job_context.h"
#include "generate/result.h"
#include "generate/run_observer.h"
#include "generate/timeline.h"

namespace newbie {

// What is known of a picture when it has been walked; of its last pass.
struct WalkFacts {
  int64_t evaluations = 0;                   // of all passes
  int64_t steps = 0;                         // of the first, where a tolerance decides
  std::optional<double> estimated_distance;  // with a tolerance
};

// Of a run, beside its buffers.
struct RunSoFar {
  std::optional<InitPicture> init;  // what the job starts from
  Image picture;                    // what the stage before has decoded
  int64_t evaluations = 0, shortened_evaluations = 0;
  std::vector<WalkFacts> walks;  // of each picture
  const std::function<void(GeneratedImage)>& on_image;
};

struct StageRun {
  const JobContext& job;
  Networks& networks;
  std::vector<Buffer>& buffers;
  Guard& guard;
  RunObserver& observer;
  StopToken stop;
  RunSoFar& state;
  RunPlace at;
  const ProgramList* programs = nullptr;  // of the work that runs

  const Buffer& buffer(BufferId id) const { return buffers[id.index]; }
  std::span<float> floats(BufferId id) const { return {buffer(id).as<float>(), buffer(id).size() / sizeof(float)}; }
  TensorView view(BufferId id, Shape shape) const { return {{shape, DType::F32}, buffer(id).data()}; }

  // Runs a program in an arena; the guard looks at what comes out.
  void run(const CachedProgram& program, BufferId arena, const Bindings& bindings);
  // The same where nobody guards: previews, and what the guard sees later.
  void run_unguarded(const CachedProgram& program, BufferId arena, const Bindings& bindings);
  Guard::Task task(const CachedProgram& program, BufferId arena, const Bindings& bindings);
};

inline TensorView view_of(std::span<float> values, Shape shape) {
  return {{shape, DType::F32}, reinterpret_cast<std::byte*>(values.data())};
}
inline ConstTensorView view_of(std::span<const float> values, Shape shape) {
  return {{shape, DType::F32}, reinterpret_cast<const std::byte*>(values.data())};
}
inline ConstTensorView view_of(const std::vector<int32_t>& ids) {
  return {{Shape{static_cast<int64_t>(ids.size())}, DType::I32}, reinterpret_cast<const std::byte*>(ids.data())};
}

}  // namespace newbie
