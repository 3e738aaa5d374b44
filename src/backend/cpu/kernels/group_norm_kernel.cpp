// group_norm and group_norm_silu as kernels: moments of blocks of pixels, added up in order, then the result.
#include <cmath>

#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/group_norm.h"
#include "backend/cpu/kernels/kernels.h"
#include "graph/ops/group_norm_silu.h"
#include "graph/ops/norms.h"

namespace newbie::cpu {

namespace {

struct Layout {
  size_t pixels = 0, channels = 0, groups = 0;
  size_t block = 0, blocks = 0;  // pixels in a block; how many there are

  size_t moments() const { return checked_mul(blocks, groups); }
  size_t scratch_bytes(int threads) const {
    const size_t rows = checked_add(2 * channels, checked_mul(3 * channels, static_cast<size_t>(threads)));
    return checked_add(checked_mul(moments(), sizeof(Moments)), checked_mul(rows, sizeof(float)));
  }
};

Layout layout_of(const KernelRequest& request) {
  // More blocks than this make adding up their moments count.
  constexpr int64_t kMostBlocks = 512;
  const Shape& shape = request.output.shape;
  Layout l{.pixels = static_cast<size_t>(shape.rows()),
           .channels = static_cast<size_t>(shape.last()),
           .groups = static_cast<size_t>(request.attrs.integer("groups"))};
  const auto pixels = static_cast<int64_t>(l.pixels);
  const int64_t block = std::max(rows_per_task(widest_row_bytes(request, l.channels)), ceil_div(pixels, kMostBlocks));
  l.block = static_cast<size_t>(block);
  l.blocks = static_cast<size_t>(ceil_div(pixels, block));
  return l;
}

// Of one group over all blocks.
Moments sum_of_blocks(const Layout& l, const Moments* parts, size_t group) {
  const auto count = [&](size_t b) { return static_cast<double>(std::min(l.block, l.pixels - b * l.block)); };
  const double all = static_cast<double>(l.pixels), width = static_cast<double>(l.channels / l.groups);
  Moments total;
  for (size_t b = 0; b < l.blocks; ++b) total.mean += parts[b * l.groups + group].mean * (count(b) / all);
  for (size_t b = 0; b < l.blocks; ++b) {
    const Moments& part = parts[b * l.groups + group];
    const double shift = part.mean - total.mean;
    total.squares += part.squares + count(b) * width * shift * shift;
  }
  return total;
}

}  // namespace

std::shared_ptr<Kernel> make_group_norm(const KernelRequest& request, std::string* why_not) {
  const bool with_silu = request.op == &group_norm_silu_op;
  if (!with_silu && request.op != &group_norm_op) return refuse(why_not, "not a group norm");
  if (auto why = dtype_refusal(request, 1); !why.empty()) return refuse(why_not, why);
  for (size_t i = 1; i < 3; ++i)
    if (auto why = parameter_refusal(request, i); !why.empty()) return refuse(why_not, why);

  const Layout l = layout_of(request);
  const double eps = request.attrs.real("eps");
  const auto run = [=](const KernelArgs& args) {
    auto* parts = reinterpret_cast<Moments*>(args.scratch);
    auto* mean = reinterpret_cast<float*>(parts + l.moments());
    float* gain = mean + l.channels;
    float* workers = gain + l.channels;
    const Source x(args.inputs[0]);
    const Target y(args.output);
    const auto pixels = static_cast<int64_t>(l.pixels), block = static_cast<int64_t>(l.block);
    for_row_blocks(args.threads, pixels, block, [&](size_t first, size_t count, int worker) {
      group_moments(x.at(first * l.channels), count, l.channels, {parts + first / l.block * l.groups, l.groups},
                    workers + static_cast<size_t>(worker) * 3 * l.channels);
    });
    const auto* weight = args.inputs[1].as<float>();
    const size_t width = l.channels / l.groups;
    for (size_t group = 0; group < l.groups; ++group) {
      const Moments m = sum_of_blocks(l, parts, group);
      const double r = 1.0 / std::sqrt(m.squares / (static_cast<double>(l.pixels) * static_cast<double>(width)) + eps);
      for (size_t c = group * width; c < (group + 1) * width; ++c) {
        mean[c] = static_cast<float>(m.mean);
        gain[c] = static_cast<float>(r * static_cast<double>(weight[c]));
      }
    }
    for_row_blocks(args.threads, pixels, block, [&](size_t first, size_t count, int) {
      normalize_channels(x.at(first * l.channels), mean, gain, args.inputs[2].as<float>(), with_silu, count, l.channels,
                         y.at(first * l.channels));
    });
  };
  return make_function_kernel(request, {run, l.scratch_bytes(request.threads), 0});
}

}  // namespace newbie::cpu
