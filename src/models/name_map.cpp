#include "models/name_map.h"

#include <map>

#include "core/error.h"
#include "core/printable.h"

namespace newbie {

void require_unique(const NameMap& map, std::string_view where) {
  std::map<std::string_view, std::string_view> seen;
  for (const MappedName& name : map.names) {
    const auto [other, fresh] = seen.emplace(name.canonical, name.file_key);
    if (!fresh)
      fail(ErrorKind::BadFile, "{}: expected one key for {}, got {} and {}", where, name.canonical,
           in_quotes(other->second), in_quotes(name.file_key));
  }
  for (const JoinedName& name : map.joined)
    if (const auto [other, fresh] = seen.emplace(name.canonical, name.file_keys.front()); !fresh)
      fail(ErrorKind::BadFile, "{}: expected one key for {}, got {} and {}", where, name.canonical,
           in_quotes(other->second), in_quotes(name.file_keys.front()));
}

}  // namespace newbie
