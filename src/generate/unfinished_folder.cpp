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

void begin_folder(const fs::path& folder) {
  make_folder(folder);
  write_file_atomically(mark_of(folder), std::string_view("Files are missing here: write this folder again.\n"));
}

void finish_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove(mark_of(folder), error);
  if (error) fail(ErrorKind::BadFile, "{}: cannot be removed: {}", mark_of(folder).string(), error.message());
}

void require_new_file(const fs::path& file, const fs::path& folder) {
  if (!is_unfinished(folder)) refuse_existing(file);
}

}  // namespace newbie
