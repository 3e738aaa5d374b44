#include "adapter_names.h"

#include <algorithm>

#include "core/files.h"

namespace newbie {

namespace {

constexpr int kDeepestFolder = 4;
constexpr size_t kMostNames = 10000;

void add_names(const std::filesystem::path& folder, int depth, std::vector<AdapterName>& out) {
  std::error_code error, ignored;
  for (const std::filesystem::path& path : list_folder(folder, error)) {
    if (out.size() == kMostNames) return;
    if (path.extension() == ".safetensors" && std::filesystem::is_regular_file(path, ignored))
      out.push_back({path.stem().string(), path.filename().string()});
    else if (std::filesystem::is_regular_file(path / "adapter_model.safetensors", ignored))  // a folder of PEFT's
      out.push_back({path.filename().string(), path.filename().string()});
    else if (depth > 0 && std::filesystem::is_directory(path, ignored))
      add_names(path, depth - 1, out);
  }
}

}  // namespace

std::vector<AdapterName> adapter_names(const AdapterPlace& place) {
  std::vector<AdapterName> out;
  if (!place.folder.empty()) add_names(place.folder, kDeepestFolder, out);
  std::ranges::sort(out, {}, &AdapterName::name);
  return out;
}

}  // namespace newbie
