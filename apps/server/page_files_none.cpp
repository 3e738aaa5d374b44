#include "page_files.h"

namespace newbie {

std::span<const PageFile> page_files() { return {}; }

}  // namespace newbie
