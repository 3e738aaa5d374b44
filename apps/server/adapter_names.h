// Names of adapters that requests may use: what lies in --lora-dir, as find_adapter() finds it there by
// name; a name that is there twice needs its folder.
#pragma once

#include <string>
#include <vector>

#include "generate/adapter_place.h"

namespace newbie {

struct AdapterName {
  std::string name;
  std::string file;  // without its folder: no path of this machine is told
};

// By name; none without a folder.
std::vector<AdapterName> adapter_names(const AdapterPlace& place);

}  // namespace newbie
