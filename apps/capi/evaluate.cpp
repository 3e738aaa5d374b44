// Numbers about folders of pictures.
#include "engine.h"
#include "evaluate/evaluation.h"
#include "generate/find_model.h"

using namespace newbie;

newbie_status newbie_evaluate(newbie_engine* engine, const char* asked, char** json, newbie_error** error) {
  return give_json(json, error, [&] {
    newbie_engine& e = require(engine, "engine");
    require(asked, "asked");
    const Evaluation evaluation = evaluation_of(parse_given(asked, "asked"));
    const OneCall call(*e.open);
    e.stop = false;
    Runtime runtime = evaluation_runtime(e.open->engine.threads());
    const StopToken stop(&e.stop);
    return evaluate(evaluation, {.runtime = runtime,
                                 .clip_model = [&] { return find_clip_model(e.open->paths); },
                                 .log = e.open->log,
                                 .watch = [&](const std::string&) { return Watch{.stop = stop}; }});
  });
}
