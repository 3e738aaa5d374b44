// A folder that files are about to be written to: checked before the first byte is.
#pragma once

#include <cstddef>
#include <filesystem>
#include <system_error>

#include "core/error.h"

namespace newbie {

// Error{InvalidRequest} when there is such a file already.
inline void refuse_existing(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, ignored)))
    fail_with_hint(ErrorKind::InvalidRequest, "give an empty or a new folder", "{}: there is such a file already",
                   file.string());
}

// Error{OverBudget} when the disk of `folder`, which need not be there, has no room for so many bytes.
inline void require_room(const std::filesystem::path& folder, size_t bytes) {
  std::filesystem::path existing = std::filesystem::absolute(folder);
  std::error_code error;
  while (!std::filesystem::exists(existing, error) && existing.has_parent_path() && existing != existing.parent_path())
    existing = existing.parent_path();
  const std::filesystem::space_info space = std::filesystem::space(existing, error);
  if (!error && space.available < bytes)
    fail_with_hint(ErrorKind::OverBudget, "make room, or choose another disk", "{}: expected room for {} bytes, got {}",
                   folder.string(), bytes, space.available);
}

}  // namespace newbie
