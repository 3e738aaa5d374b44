#include "generate/unfinished_folder.h"

#include "core/error.h"
#include "core/files.h"
#include "generate/destination.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

fs::path mark_of(const fs::path& folder) { return folder / ".newbie-unfinished"; }

}  // namespace

bool is_unfinished(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(fs::symlink_status(mark_of(folder), ignored));
}

FolderInProgress::FolderInProgress(fs::path folder) : folder_(std::move(folder)) {
  try {
    make(folder_);
    made_.push_back(mark_of(folder_));
    write_file_atomically(made_.back(), std::string_view("Files are missing here: write this folder again.\n"));
  } catch (...) {
    give_up();
    throw;
  }
}

FolderInProgress::~FolderInProgress() {
  if (!finished_) give_up();
}

void FolderInProgress::give_up() noexcept {
  std::error_code ignored;  // a folder that somebody put something into stays
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) fs::remove(*path, ignored);
}

void FolderInProgress::make(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> missing;
  for (fs::path at = folder; !at.empty() && !fs::exists(at, ignored); at = at.parent_path()) missing.push_back(at);
  made_.insert(made_.end(), missing.rbegin(), missing.rend());
  make_folder(folder);
}

void FolderInProgress::add(const fs::path& file) {
  make(file.parent_path());
  made_.push_back(file);
}

void FolderInProgress::finish() {
  std::error_code error;
  fs::remove(mark_of(folder_), error);
  if (error) fail(ErrorKind::BadFile, "{}: cannot be removed: {}", mark_of(folder_).string(), error.message());
  finished_ = true;
}

void require_new_file(const fs::path& file, const fs::path& folder) {
  if (!is_unfinished(folder)) refuse_existing(file);
}

}  // namespace newbie
