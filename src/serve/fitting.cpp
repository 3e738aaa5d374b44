#include "serve/fitting.h"

#include <functional>
#include <utility>
#include <vector>

namespace newbie {

namespace {

constexpr int64_t kTile = 512;
constexpr int64_t kSideStep = 16;  // of sides (generate/request.h)

struct Concession {
  std::string what;
  std::function<void(GenerateRequest&)> make;
};

int64_t scaled_side(int64_t side, int numerator, int denominator) {
  return std::max(kSideStep, side * numerator / denominator / kSideStep * kSideStep);
}

Concession smaller(PictureSize size, int numerator, int denominator) {
  const int64_t width = scaled_side(size.width, numerator, denominator);
  const int64_t height = scaled_side(size.height, numerator, denominator);
  return {fmt::format("{}x{} instead of {}x{}", width, height, size.width, size.height),
          [width, height](GenerateRequest& r) { r.width = width, r.height = height; }};
}

std::vector<Concession> concessions(const GenerateRequest& r, PictureSize first) {
  std::vector<Concession> out;
  if (r.batch > 1) out.push_back({"one picture at a time", [](GenerateRequest& c) { c.batch = 1; }});
  if (r.vae_tile == 0 || r.vae_tile > kTile)
    out.push_back(
        {fmt::format("decoding in tiles of {} pixels", kTile), [](GenerateRequest& c) { c.vae_tile = kTile; }});
  if (r.hires_scale > 0) out.push_back({"no second, larger pass", [](GenerateRequest& c) { c.hires_scale = 0; }});
  for (const auto& [numerator, denominator] : {std::pair(3, 4), std::pair(1, 2), std::pair(1, 4), std::pair(1, 8)})
    out.push_back(smaller(first, numerator, denominator));
  return out;
}

}  // namespace

std::optional<Fit> what_would_fit(JobEngine& engine, const GenerateRequest& request, StopToken stop) {
  GenerateRequest r = request;
  r.hires_scale = 0;
  const PictureSize first = engine.final_size(r);
  r.hires_scale = request.hires_scale;
  for (const Concession& concession : concessions(request, first)) {
    concession.make(r);
    try {
      const size_t peak = engine.prepare(r, silent_log(), stop)->plan().peak_bytes();
      r.init_image.reset();
      r.mask.reset();
      return Fit{concession.what, std::move(r), peak};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::OverBudget) throw;
    }
  }
  return std::nullopt;
}

std::unique_ptr<PreparedDrawing> prepare_or_say_what_fits(JobEngine& engine, const GenerateRequest& request, Log& log,
                                                          StopToken stop) {
  try {
    return engine.prepare(request, log, stop);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::OverBudget) throw;
    throw TooLarge(error, what_would_fit(engine, request, stop));
  }
}

}  // namespace newbie
