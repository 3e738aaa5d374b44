// Where the names of adapters may lead.
#pragma once

#include <filesystem>

namespace newbie {

struct AdapterPlace {
  std::filesystem::path folder;  // where they are looked for; may be empty
  bool only_there = false;       // for requests of strangers: no path of theirs is opened
};

}  // namespace newbie
