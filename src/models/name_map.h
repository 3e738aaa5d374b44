// NameMap: which key of a file is which weight of a network. Made by models/*/names.cpp from the keys alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct MappedName {
  std::string canonical;  // the name the graph builder asks for
  std::string file_key;
  bool as_matrix = false;  // [C, C, 1, 1] and [C, C] are both in use: present it as [C, C]
  bool minus_one = false;  // the file holds 1 + w
};

// A matrix that the file keeps in pieces: the rows of all keys, in this order.
struct JoinedName {
  std::string canonical;
  std::vector<std::string> file_keys;
};

struct NameMap {
  std::vector<MappedName> names;     // in the order of the keys; no canonical name twice
  std::vector<JoinedName> joined;    // the other weights; no canonical name is in both
  std::vector<std::string> ignored;  // keys that are known and not needed
  std::vector<std::string> unknown;  // keys that mean nothing to us: worth a warning
};

// Error{BadFile} naming `where` and both keys when two keys claim one canonical name.
void require_unique(const NameMap& map, std::string_view where);

}  // namespace newbie
