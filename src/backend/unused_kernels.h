// Libraries behind backends keep parts of kernels that are gone, for the next of their kind.
#pragma once

namespace newbie {

void forget_unused_kernels();  // they let go of them; kernels that are used stay. Any thread

}  // namespace newbie
