// How far requests end from the converged latent: the root mean square of the difference, with what they took and, of
// those with a tolerance, the distance that the solver estimates. bench/evaluations.py makes tables of the lines.
//   bench_latent_distance MODEL_DIR DTYPE TEXT_CACHE PROMPTS FIELDS...
// TEXT_CACHE is a folder, made when it is not there: each prompt is encoded once. PROMPTS is a file of JSON lines as
// newbie generate --prompts takes; each is drawn once converged and once with each FIELDS, an object of request fields
// that are laid over the line's ("{\"tolerance\": 0.2}"). One JSON line a drawing.
#include <algorithm>
#include <cmath>
#include <cstdio>
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
  if (arguments.size() < 6)
    fail(ErrorKind::InvalidRequest, "bench_latent_distance MODEL_DIR DTYPE TEXT_CACHE PROMPTS FIELDS...");
  const auto precision = find_precision_preset(arguments[2]);
  if (!precision) fail(ErrorKind::InvalidRequest, "precision must be a preset: auto, f32, bf16, fast, f16, …");
  const std::filesystem::path text_cache = arguments[3];
  TextToImage engine =
      TextToImage::open({.folder = arguments[1]}, {.precision = *precision, .text_cache = text_cache}, silent_log());
  const std::span<char*> variants = arguments.subspan(5);
  const std::string text = read_file(arguments[4], kMostBytes);
  for_each_line(text, [&](std::string_view line, size_t number) {
    const OrderedJson base = parse_ordered_json(line, arguments[4]);
    const auto with = [&](const OrderedJson& fields) {
      OrderedJson request = base;
      request.update(fields);
      return draw(engine, request_from_json(request));
    };
    const Drawn converged = with({{"sampler", "unipc"}, {"steps", kConvergedSteps}});
    for (size_t k = 0; k < variants.size(); ++k) {
      const Drawn drawn = with(parse_ordered_json(variants[k], "FIELDS"));
      OrderedJson out{{"prompt", number - 1},
                      {"variant", k},
                      {"evaluations", drawn.result.evaluations},
                      {"distance", distance(drawn.latent, converged.latent)}};
      if (!drawn.result.estimated_distances.empty()) out["estimate"] = drawn.result.estimated_distances.front();
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
    std::fprintf(stderr, "bench_latent_distance: %s\n", e.what());
    return 1;
  }
}
