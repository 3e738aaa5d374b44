// JobContext: what the stages of a job are made from.
#pragma once

#include "generate/buffer_sizes.h"
#include "generate/engine.h"
#include "generate/prepared_request.h"
#include "generate/program_cache.h"

namespace newbie {

struct JobContext {
  Engine& engine;
  const PreparedRequest& prepared;
  JobPrograms& programs;
  Log& log;

  const OpenedModel& model() const { return engine.model; }
  const GenerateRequest& request() const { return prepared.request; }
  BufferSizes sizes() const { return {engine.model, prepared}; }
};

}  // namespace newbie
