#include "adapter_names.h"

#include <algorithm>

#include "generate/open_adapters.h"

namespace newbie {

std::vector<AdapterName> adapter_names(const AdapterPlace& place) {
  std::vector<AdapterName> out;
  if (place.folder.empty()) return out;
  for (NamedAdapter& found : list_adapters(place.folder))
    out.push_back({std::move(found.name), found.path.filename().string()});
  std::ranges::sort(out, {}, &AdapterName::name);
  return out;
}

}  // namespace newbie
