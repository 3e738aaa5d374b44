#include "previews.h"

#include "core/error.h"
#include "core/files.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

fs::path normal(const fs::path& path) { return fs::absolute(path).lexically_normal(); }

}  // namespace

Previews::Previews(const PictureArguments& arguments, Terminal& terminal, std::span<const fs::path> outputs)
    : terminal_(terminal), quality_(arguments.quality), keep_(arguments.keep_preview) {
  if (!arguments.preview) return;
  if (*arguments.preview != "-") {
    path_ = *arguments.preview;
    const auto format = format_of_name(path_);
    if (!format)
      fail(ErrorKind::Unsupported, "--preview {}: expected a name that ends in one of {}", path_.string(),
           kPictureExtensions);
    format_ = *format;
  } else {
    path_ = outputs.empty() ? fs::path("output.png") : outputs.front();
    path_.replace_extension(".preview.png");
  }
  for (const fs::path& output : outputs)
    if (normal(output) == normal(path_))
      fail(ErrorKind::InvalidRequest, "--preview: {} is the name of a picture, too", path_.string());
}

Previews::~Previews() {
  std::error_code ignored;
  if (written_ && !keep_) fs::remove(path_, ignored);
}

void Previews::on_preview(const PreviewReport& report) {
  if (path_.empty()) return;
  try {
    write_file_atomically(path_, encode_picture(format_, report.image, {}, quality_));
    written_ = true;
  } catch (const Error& e) {
    terminal_.warn("--preview: {}", e.message());
  }
}

}  // namespace newbie
