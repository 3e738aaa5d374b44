#include "core/new_paths.h"

#include <system_error>

#include "core/error.h"

namespace newbie {

namespace fs = std::filesystem;

NewPaths::~NewPaths() {
  std::error_code ignored;
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) fs::remove(*path, ignored);
}

void NewPaths::make_folder(const fs::path& folder) {
  std::error_code ignored, error;
  std::vector<fs::path> missing;
  for (fs::path at = folder; !at.empty() && !fs::exists(at, ignored); at = at.parent_path()) missing.push_back(at);
  made_.insert(made_.end(), missing.rbegin(), missing.rend());
  fs::create_directories(folder, error);
  if (error) fail(ErrorKind::BadFile, "{}: cannot make the folder: {}", folder.string(), error.message());
}

void NewPaths::add(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(file, ignored))) add_over(file);
}

void NewPaths::add_over(const fs::path& file) { made_.push_back(file); }

}  // namespace newbie
