// What a job gives back: pictures while it runs, and what they took when it is done.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generate/guard_mode.h"
#include "generate/memory_plan.h"
#include "image/image.h"

namespace newbie {

struct StageTime {
  std::string name;
  double seconds = 0;
};

struct GeneratedImage {
  Image image;
  uint64_t seed = 0;
  std::string parameters;    // A1111's text form
  std::string request_json;  // everything needed to draw it again
};

struct GenerateResult {
  MemoryPlan plan;  // the one this run used
  std::vector<StageTime> times;
  int64_t evaluations = 0;                  // of the network, guidance counted twice
  int64_t shortened_evaluations = 0;        // of these, by a step cache
  std::vector<double> estimated_distances;  // of each picture, with a tolerance
  size_t allocated_peak_bytes = 0;
  size_t device_peak_bytes = 0;  // of a device's memory
  std::vector<GuardEvent> guard_events;
};

}  // namespace newbie
