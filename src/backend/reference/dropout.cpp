#include "graph/ops/dropout.h"

#include "backend/reference/elements.h"
#include "backend/reference/loops.h"

namespace newbie::reference {

Loops dropout_loops(const KernelRequest& request) {
  const double p = request.attrs.real("p"), kept = 1.0 / (1.0 - p);
  const int64_t stream = request.attrs.integer("stream");
  const auto run = [=](const KernelArgs& args, const WorkerScratch&) {
    constexpr size_t kChunk = 2048;
    std::array<double, 8> key;
    read(args.inputs[1], 0, key.size(), key.data());
    const DropoutMask mask(key, p, stream);
    const auto count = static_cast<int64_t>(args.output.spec.shape.elements());
    for_blocks(args.threads, count, kChunk, [&](int64_t first, int64_t last, int) {
      std::array<double, kChunk> x;
      const auto begin = static_cast<size_t>(first), n = static_cast<size_t>(last - first);
      read(args.inputs[0], begin, n, x.data());
      for (size_t i = 0; i < n; ++i) x[i] = mask.keeps(begin + i) ? x[i] * kept : 0.0;
      write(args.output, begin, n, x.data());
    });
  };
  return {.run = run, .in_place_input = 0};
}

}  // namespace newbie::reference
