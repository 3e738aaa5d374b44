// Words for the values of an enum, in one table beside it: what people write, and what lists and help texts print.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

namespace newbie {

template <typename E>
struct Named {
  E value;
  std::string_view name;
};

// The word for `value`; every value has one.
template <typename E>
std::string_view name_in(std::span<const Named<E>> table, E value) {
  const auto row = std::ranges::find(table, value, &Named<E>::value);
  return row == table.end() ? std::string_view("?") : row->name;
}

}  // namespace newbie
