// Jobs on disk, so that neither a crash nor a power cut loses what was promised: one file a job and one a picture, each
// written beside its place and renamed, so that what is there is whole.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/log.h"
#include "serve/job_entry.h"

namespace newbie {

// What is kept of a job: of `view` all but the plan, its place in the queue and the preview.
struct JobRecord {
  JobView view;
  int quality = 95;
};

// `write` and `remove` of one job must not overlap; everything else may be called from several threads.
class Journal {
 public:
  // Makes the folder when it is missing. Error{BadFile} when it cannot be written, or another process has it.
  explicit Journal(const std::filesystem::path& folder);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // The jobs of earlier processes, oldest first. What is damaged is told to the log and left alone.
  std::vector<JobRecord> read(Log& log) const;

  // Error{BadFile} for what the file system refuses, a full disk among it.
  void write(const JobRecord& record);
  void write_picture(const std::string& id, size_t index, PictureFormat format, std::span<const std::byte> bytes);
  // Error{BadFile}, too, when it is not the file that was written: of another size or hash.
  std::vector<std::byte> read_picture(const std::string& id, size_t index, PictureFormat format,
                                      const JobPicture& written) const;
  void remove(const JobView& job);  // with its pictures; what is not there is no error

 private:
  std::filesystem::path record_path(const std::string& id) const;
  std::filesystem::path picture_path(const std::string& id, size_t index, PictureFormat format) const;

  std::filesystem::path folder_;
  int lock_ = -1;
};

}  // namespace newbie
