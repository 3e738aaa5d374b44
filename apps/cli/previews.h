// What becomes of pictures beside their own files: previews while they are drawn, and pictures shown in the terminal.
// Everything else of the progress goes on to the terminal's bar.
#pragma once

#include <vector>

#include "arguments.h"
#include "file_roles.h"
#include "image/picture_format.h"
#include "output_path.h"
#include "show/show.h"
#include "terminal.h"

namespace newbie {

// Error{InvalidRequest} when --show and something else would both write to standard output.
void check_show(const PictureArguments& arguments, const ReportArguments& report, const OutputPath& output);

class Previews final : public RunObserver {
 public:
  // `outputs`: where the pictures go; the preview's name is made from the first unless one was given. A preview that is
  // removed in the end takes a free name beside a file that is there, and that is told. Error{InvalidRequest} when
  // `roles` know a file of that name, Error{Unsupported} for another kind of file; errors of choose_protocol.
  Previews(const PictureArguments& arguments, Terminal& terminal, std::span<const std::filesystem::path> outputs,
           FileRoles& roles);
  // Removes the preview, unless it is to be kept or somebody else has replaced it.
  ~Previews() override;
  Previews(const Previews&) = delete;
  Previews& operator=(const Previews&) = delete;

  void on_stage(const RunPlace& at) override { terminal_.on_stage(at); }
  void on_step(const RunPlace& at, double seconds) override { terminal_.on_step(at, seconds); }
  // Written beside its place and renamed. A preview that cannot be written is a warning: the picture matters more.
  void on_preview(const RunPlace& at, const Preview& preview) override;

  // In the terminal, if that was asked for.
  void show(const Image& image);

 private:
  bool is_ours() const;  // what has the preview's name

  Terminal& terminal_;
  std::filesystem::path path_;      // empty: no previews
  std::vector<std::byte> written_;  // the last one; empty: none yet
  PictureFormat format_ = PictureFormat::Png;
  int quality_;
  bool keep_;
  PictureEncoder encode_ = nullptr;
};

}  // namespace newbie
