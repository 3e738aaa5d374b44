// The preview of a picture while it is drawn, as a file. Everything else of the progress goes on to the terminal's bar.
#pragma once

#include "arguments.h"
#include "image/picture_format.h"
#include "terminal.h"

namespace newbie {

class Previews final : public Progress {
 public:
  // `outputs`: where the pictures go; the preview's name is made from the first unless one was given.
  // Error{InvalidRequest} when it would take the place of one of them, Error{Unsupported} for another kind of file.
  Previews(const PictureArguments& arguments, Terminal& terminal, std::span<const std::filesystem::path> outputs);
  // Removes the preview, unless it is to be kept.
  ~Previews() override;
  Previews(const Previews&) = delete;
  Previews& operator=(const Previews&) = delete;

  void on_stage(std::string_view name) override { terminal_.on_stage(name); }
  void on_step(const StepReport& report) override { terminal_.on_step(report); }
  // Written beside its place and renamed. A preview that cannot be written is a warning: the picture matters more.
  void on_preview(const PreviewReport& report) override;

 private:
  Terminal& terminal_;
  std::filesystem::path path_;  // empty: no previews
  PictureFormat format_ = PictureFormat::Png;
  int quality_;
  bool keep_, written_ = false;
};

}  // namespace newbie
