// group_norm and group_norm_silu as kernels: moments of blocks of pixels, added up in order, then the result.
#include <cmath>

#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/group_norm.h"
#include "backend/cpu/kernels/kernels.h"
#include "graph/ops/group_norm_silu.h"
#include "graph/ops/norms.h"

namespace newbie::cpu {

namespace {

// Of one group over all blocks.
Moments sum_of_blocks(const MomentBlocks& cut, const Moments* parts, size_t group) {
  const double all = static_cast<double>(cut.pixels), width = static_cast<double>(cut.channels / cut.groups);
  const auto each = [&](const auto& f) {
    for (size_t b = 0; b < cut.blocks(); ++b)
      if (const size_t count = cut.count(b); count != 0) f(parts[b * cut.groups + group], static_cast<double>(count));
  };
  Moments total;
  each([&](const Moments& part, double count) { total.mean += part.mean * (count / all); });
  each([&](const Moments& part, double count) {
    const double shift = part.mean - total.mean;
    total.squares += part.squares + count * width * shift * shift;
  });
  return total;
}

}  // namespace

MomentBlocks::MomentBlocks(size_t pixel_count, size_t channel_count, size_t group_count, size_t band_pixels)
    : pixels(pixel_count), channels(channel_count), groups(group_count), band(band_pixels) {
  // More blocks than this make adding up their moments count.
  constexpr int64_t kMostBlocks = 512;
  block = static_cast<size_t>(std::max(rows_per_task(checked_mul(channels, sizeof(float))),
                                       ceil_div(static_cast<int64_t>(pixels), kMostBlocks)));
}

size_t MomentBlocks::count(size_t index) const {
  const size_t start = index / per_band() * band, end = std::min(start + band, pixels);
  const size_t at = start + index % per_band() * block;
  return at < end ? std::min(block, end - at) : 0;
}

void channel_gains(const MomentBlocks& cut, const Moments* parts, const float* weight, double eps, float* mean,
                   float* gain) {
  const size_t width = cut.channels / cut.groups;
  for (size_t group = 0; group < cut.groups; ++group) {
    const Moments m = sum_of_blocks(cut, parts, group);
    const double r = 1.0 / std::sqrt(m.squares / (static_cast<double>(cut.pixels) * static_cast<double>(width)) + eps);
    for (size_t c = group * width; c < (group + 1) * width; ++c) {
      mean[c] = static_cast<float>(m.mean);
      gain[c] = static_cast<float>(r * static_cast<double>(weight[c]));
    }
  }
}

std::shared_ptr<const HostKernel> make_group_norm(const KernelRequest& request, std::string* why_not) {
  const bool with_silu = request.op == &group_norm_silu_op;
  if (!with_silu && request.op != &group_norm_op) return refuse(why_not, "not a group norm");
  if (auto why = dtype_refusal(request, 1); !why.empty()) return refuse(why_not, why);
  for (size_t i = 1; i < 3; ++i)
    if (auto why = parameter_refusal(request, i); !why.empty()) return refuse(why_not, why);

  const auto pixels = static_cast<size_t>(request.output.shape.rows());
  const MomentBlocks cut(pixels, static_cast<size_t>(request.output.shape.last()),
                         static_cast<size_t>(request.attrs.integer("groups")), pixels);
  const size_t channels = cut.channels;
  const double eps = request.attrs.real("eps");
  const auto run = [=](const KernelArgs& args) {
    auto* parts = reinterpret_cast<Moments*>(args.scratch);
    auto* mean = reinterpret_cast<float*>(parts + cut.moments());
    float* gain = mean + channels;
    float* workers = gain + channels;
    const Source x(args.inputs[0]);
    const Target y(args.output);
    const auto rows = static_cast<int64_t>(pixels), block = static_cast<int64_t>(cut.block);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int worker) {
      group_moments(x.at(first * channels), count, channels, {parts + first / cut.block * cut.groups, cut.groups},
                    workers + static_cast<size_t>(worker) * 3 * channels);
    });
    channel_gains(cut, parts, args.inputs[1].as<float>(), eps, mean, gain);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int) {
      normalize_channels(x.at(first * channels), mean, gain, args.inputs[2].as<float>(), with_silu, count, channels,
                         y.at(first * channels));
    });
  };
  const size_t floats = checked_add(2 * channels, checked_mul(3 * channels, static_cast<size_t>(request.threads)));
  const size_t scratch = checked_add(checked_mul(cut.moments(), sizeof(Moments)), checked_mul(floats, sizeof(float)));
  return make_function_kernel(request, {run, scratch, 0});
}

}  // namespace newbie::cpu
