// What a tolerance keeps: the distance that the solver estimates beside the true one, the root mean square of the
// latent's difference to the converged one, as JSON lines. bench/evaluations.py makes the table of them.
//   bench_estimates MODEL_DIR DTYPE PROMPTS TOLERANCE...
// PROMPTS is a file of JSON lines as newbie generate --prompts takes.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "core/files.h"
#include "core/json.h"
#include "core/lines.h"
#include "generate/request_json.h"
#include "generate/text_to_image.h"

using namespace newbie;

namespace {

constexpr int kConvergedSteps = 60;
constexpr size_t kMostBytes = size_t{64} << 20;

struct LastLatent : RunObserver {
  std::vector<float> values;
  void on_latent(const RunPlace&, int, std::span<const float> latent) override {
    values.assign(latent.begin(), latent.end());
  }
};

struct Drawn {
  std::vector<float> latent;
  GenerateResult result;
};

Drawn draw(TextToImage& engine, const GenerateRequest& request) {
  LastLatent last;
  GenerateResult result = engine.generate(request, last, {}, [](GeneratedImage) {});
  return {std::move(last.values), std::move(result)};
}

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

int bench(std::span<char*> arguments) {
  if (arguments.size() < 5) fail(ErrorKind::InvalidRequest, "bench_estimates MODEL_DIR DTYPE PROMPTS TOLERANCE...");
  const auto precision = find_precision_preset(arguments[2]);
  if (!precision) fail(ErrorKind::InvalidRequest, "precision must be a preset: auto, f32, bf16, fast, f16, …");
  TextToImage engine = TextToImage::open({.folder = arguments[1]}, {.precision = *precision}, silent_log());
  const std::string text = read_file(arguments[3], kMostBytes);
  for_each_line(text, [&](std::string_view line, size_t number) {
    GenerateRequest request = request_from_json(parse_ordered_json(line, arguments[3]));
    request.sampler = "unipc";
    request.schedule.clear();
    request.steps = kConvergedSteps;
    const std::vector<float> converged = draw(engine, request).latent;
    for (const char* tolerance : arguments.subspan(4)) {
      request.tolerance = std::strtod(tolerance, nullptr);
      const Drawn drawn = draw(engine, request);
      const OrderedJson out{{"prompt", number - 1},
                            {"tolerance", request.tolerance},
                            {"evaluations", drawn.result.evaluations},
                            {"estimate", drawn.result.estimated_distances.front()},
                            {"distance", distance(drawn.latent, converged)}};
      std::puts(out.dump().c_str());
      std::fflush(stdout);
    }
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench({argv, static_cast<size_t>(argc)});
  } catch (const Error& e) {
    std::fprintf(stderr, "bench_estimates: %s\n", e.what());
    return 1;
  }
}
