#include "generate/stage_run.h"

namespace newbie {

Guard::Task StageRun::task(const CachedProgram& program, BufferId arena, const Bindings& bindings) {
  return {networks[program.network()], program, *programs, buffers[arena.index], bindings, {&observer, at}};
}

void StageRun::run(const CachedProgram& program, BufferId arena, const Bindings& bindings) {
  guard.run(task(program, arena, bindings), stop);
}

void StageRun::run_unguarded(const CachedProgram& program, BufferId arena, const Bindings& bindings) {
  networks[program.network()].run(program.program, buffer(arena), bindings, stop, {&observer, at});
}

}  // namespace newbie
