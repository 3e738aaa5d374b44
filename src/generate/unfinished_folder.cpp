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
  made_.make_folder(folder_);
  made_.add_over(mark_of(folder_));
  write_file_atomically(mark_of(folder_), std::string_view("Files are missing here: write this folder again.\n"));
}

void FolderInProgress::add(const fs::path& file) {
  made_.make_folder(file.parent_path());
  made_.add_over(file);  // require_new_file: what is there was left by a run that was killed
}

void FolderInProgress::finish() {
  std::error_code error;
  fs::remove(mark_of(folder_), error);
  if (error) fail(ErrorKind::BadFile, "{}: cannot be removed: {}", mark_of(folder_).string(), error.message());
  made_.keep();
}

void require_new_file(const fs::path& file, const fs::path& folder) {
  if (!is_unfinished(folder)) refuse_existing(file);
}

}  // namespace newbie
