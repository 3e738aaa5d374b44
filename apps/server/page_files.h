// The page's files, embedded in the program: a generated file gives them when the page is built, page_files_none.cpp
// when it is not.
#pragma once

#include <span>
#include <string_view>

namespace newbie {

struct PageFile {
  std::string_view name;  // "index.html"; what stands in assets/ has a hash in its name
  std::string_view bytes;
};

// "index.html" first; empty: this program has no page.
std::span<const PageFile> page_files();

}  // namespace newbie
