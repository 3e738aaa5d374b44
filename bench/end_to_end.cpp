// Time of whole pictures by stage, as JSON lines: one a repeat, then the medians.
//   bench_end_to_end [MODEL_DIR] [REPEATS] [DTYPE] [STEPS] [SIDE]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "core/json.h"
#include "core/machine.h"
#include "generate/text_to_image.h"

using namespace newbie;

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

int bench(int argc, char** argv) {
  const auto argument = [&](int i, const char* fallback) { return argc > i ? argv[i] : fallback; };
  const int repeats = std::max(1, std::atoi(argument(2, "5")));
  const auto precision = find_precision_preset(argument(3, "auto"));
  if (!precision) fail(ErrorKind::InvalidRequest, "precision must be a preset: auto, f32, bf16, fast, f16, …");
  GenerateRequest request;
  request.prompt = "<character_1>\n<n>aoi</n>\n<gender>1girl</gender>\n</character_1>";
  request.sampler = "euler";
  request.schedule = "flow_euler";
  request.steps = std::atoi(argument(4, "28"));
  request.width = request.height = std::atoi(argument(5, "0"));

  TextToImage engine = TextToImage::open({.folder = argument(1, NEWBIE_SOURCE_DIR "/models/avatar")},
                                         {.precision = *precision}, silent_log());
  RunObserver quiet;
  std::map<std::string, std::vector<double>> times;
  for (int i = -1; i < repeats; ++i) {  // the first, uncounted, also makes kernels and reads the files
    const GenerateResult result = engine.generate(request, quiet, {}, [](GeneratedImage) {});
    if (i < 0) continue;
    OrderedJson line{
        {"bench", "end_to_end"}, {"repeat", i}, {"precision", engine.precision_name()}, {"threads", engine.threads()}};
    for (const StageTime& t : result.times) {
      line["seconds"][t.name] = t.seconds;
      times[t.name].push_back(t.seconds);
    }
    std::puts(line.dump().c_str());
  }
  OrderedJson summary{
      {"bench", "end_to_end"},       {"median_of", repeats},   {"precision", engine.precision_name()},
      {"threads", engine.threads()}, {"steps", request.steps}, {"peak_resident_bytes", peak_resident_bytes()}};
  for (const auto& [name, values] : times) summary["median_seconds"][name] = median(values);
  std::puts(summary.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench(argc, argv);
  } catch (const Error& e) {
    std::fprintf(stderr, "bench_end_to_end: %s\n", e.what());
    return 1;
  }
}
