// Timeline: what a request does, as a list. A stage states, in order, which buffers it takes and gives back, which
// programs of which network it loads, runs and frees. A plan adds the list up, a run walks it, both by read() below:
// what is added or moved here is so in both.
#pragma once

#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "generate/program_cache.h"
#include "generate/stage.h"

namespace newbie {

struct StageRun;  // generate/stage_run.h

// A tensor that stages hand on to each other: what is behind it is known to the run alone.
struct BufferId {
  size_t index = 0;
};
struct BufferSpec {
  const char* purpose = "";
  size_t bytes = 0;
  bool arena = false;  // of programs: intermediates and kernel scratch
};

using ProgramList = std::vector<const CachedProgram*>;

// What a stage does.
struct Take {
  BufferId buffer;
};
struct Give {
  BufferId buffer;
};
struct Load {  // what is missing of these programs' weights
  NetworkKind network;
  ProgramList programs;
};
struct Free {  // all weights of a network
  NetworkKind network;
};
struct Perform {
  ProgramList programs;  // those it runs: nothing else is allocated meanwhile but their windows
  std::function<void(StageRun&)> run;
};
using Act = std::variant<Take, Give, Load, Free, Perform>;

struct Stage {
  StageKind kind;
  int pass = 0;
  std::vector<Act> acts;
};

struct Timeline {
  struct Entry {
    std::shared_ptr<const Stage> stage;
    int picture = 0;
  };
  std::vector<BufferSpec> buffers;
  std::vector<Entry> entries;
};

// The one way to go through a timeline. A Reader has enter(entry), leave(entry) and do_act() for every act.
template <typename Reader>
void read(const Timeline& timeline, Reader& reader) {
  for (const Timeline::Entry& entry : timeline.entries) {
    reader.enter(entry);
    for (const Act& act : entry.stage->acts) std::visit([&](const auto& one) { reader.do_act(one); }, act);
    reader.leave(entry);
  }
}

}  // namespace newbie
