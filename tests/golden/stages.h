// The ways a stage is run against its golden, and the avatar's parts, opened once.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "generate/parts.h"
#include "support/golden.h"
#include "support/graph_runner.h"

namespace newbie::test {

struct Way {
  const char* name;
  bool cpu = true;  // the cpu backend; otherwise the reference
  bool fuse = true;
};
inline std::ostream& operator<<(std::ostream& out, const Way& way) { return out << way.name; }

inline const Way kCpu{"cpu"}, kCpuUnfused{"cpu_unfused", true, false}, kReference{"reference", false, false};
inline const Way kWays[] = {kCpu, kCpuUnfused, kReference};

enum class Numbers { F32, BF16, Int8 };

// Runs a graph of `part` ("transformer", …) in one way; observes every named value when `observe`.
RunResult run_stage(const Graph& graph, const Part& part, const std::string& part_name, const Way& way, Numbers numbers,
                    const Tensors& inputs, bool observe = false);

const Transformer& avatar_transformer();
const TextEncoder& avatar_text_encoder();
const ClipModel& avatar_clip_model();
const Vae& avatar_vae();

// Writes "stage | way | measured | bound" to the test's log: the table of docs/numerics.md is made from these lines.
void report(const std::string& stage, const Way& way, double measured, double bound);

// |got − want| <= 1e-4 · max|want| everywhere.
inline constexpr double kF32Bound = 1e-4;

}  // namespace newbie::test
