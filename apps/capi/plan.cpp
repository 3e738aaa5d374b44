// What a request will cost, as a struct and as JSON.
#include <iterator>

#include "engine.h"
#include "generate/init_picture.h"
#include "generate/plan_json.h"
#include "request.h"

using namespace newbie;

void newbie_plan_init(newbie_plan* plan, size_t struct_size) { fill(plan, struct_size, newbie_plan{}); }

newbie_status newbie_make_plan_json(newbie_engine* engine, const char* request, char** json, newbie_error** error) {
  return give_json(json, error, [&] {
    OpenEngine& e = *require(engine, "engine").open;
    const PictureFiles files{memory_left_for_pictures(e.memory_budget_bytes), e.log};
    const GenerateRequest r = request_of_json(request, files).request;
    const OneCall busy(e);
    return plan_json(e.engine.plan(r));
  });
}

newbie_status newbie_make_plan(newbie_engine* engine, const newbie_request* request, newbie_plan* plan,
                               newbie_error** error) {
  return guarded(error, [&] {
    OpenEngine& e = *require(engine, "engine").open;
    newbie_plan out = read(plan, "plan");
    const OneCall busy(e);
    const MemoryPlan made = e.engine.prepare(request_of(request)).plan();
    out.peak_bytes = made.peak_bytes();
    out.allocated_bytes = made.allocated_peak_bytes();
    out.stage_count = std::min(made.stages.size(), std::size(out.stages));
    out.total_stage_count = made.stages.size();
    for (size_t i = 0; i < out.stage_count; ++i) {
      const StagePlan& stage = made.stages[i];
      newbie_plan_stage& row = out.stages[i] = {};
      stage.name().copy(row.name, sizeof row.name - 1);
      row.weight_bytes = stage.weights_bytes;
      row.arena_bytes = stage.arena_bytes;
      row.buffer_bytes = stage.buffer_bytes;
      row.peak_bytes = stage.peak_bytes();
    }
    std::memcpy(plan, &out, std::min(out.struct_size, sizeof out));
  });
}
