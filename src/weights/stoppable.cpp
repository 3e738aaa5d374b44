#include "weights/stoppable.h"

#include <utility>

namespace newbie {

std::vector<StreamedTensor> stoppable(std::vector<StreamedTensor> tensors, StopToken stop) {
  for (StreamedTensor& tensor : tensors)
    tensor.produce = [produce = std::move(tensor.produce), stop](const auto& write) {
      produce([&](std::span<const std::byte> piece) {
        stop.throw_if_stopped();
        write(piece);
      });
    };
  return tensors;
}

}  // namespace newbie
