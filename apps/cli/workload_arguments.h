// The words on the command line that say which network is measured: newbie bench, newbie profile.
#pragma once

#include <memory>

#include "arguments.h"
#include "core/json.h"
#include "measure/workload.h"

namespace newbie {

struct WorkloadArguments {
  WorkloadSpec spec;
  EngineArguments engine;  // a model's sizes, if one is given; its weights are not read
  int repeats = 3;
};
void add_workload_flags(CLI::App& parser, WorkloadArguments& arguments);

// Of the model that was given; the published ones when none was.
ModelSizes sizes_of(const ModelPaths& given, Log& log);

// The network with made-up weights, at full size unless a model was given.
struct PreparedWorkload {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Workload> workload;
  std::string precision;
  int threads = 1;
};
PreparedWorkload prepare(const WorkloadArguments& arguments, Log& log);

// What was measured, for JSON lines.
OrderedJson describe(const WorkloadArguments& arguments, const PreparedWorkload& prepared);

}  // namespace newbie
