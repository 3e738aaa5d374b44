// Tensors whose making ends where it is asked to.
#pragma once

#include <vector>

#include "core/stop_token.h"
#include "weights/safetensors_writer.h"

namespace newbie {

// The same tensors: Error{Cancelled} before the next piece is written, once `stop` is asked for. Writing them leaves
// nothing then, as after every error.
std::vector<StreamedTensor> stoppable(std::vector<StreamedTensor> tensors, StopToken stop);

}  // namespace newbie
