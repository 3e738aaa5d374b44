#include "previews.h"

#include "core/error.h"
#include "core/files.h"
#include "standard_streams.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

bool is_taken(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

// a.png, else a_2.png, a_3.png …
fs::path free_name(const fs::path& path) {
  fs::path out = path;
  for (int number = 2; is_taken(out); ++number)
    out.replace_filename(fmt::format("{}_{}{}", path.stem().string(), number, path.extension().string()));
  return out;
}

}  // namespace

void check_show(const PictureArguments& arguments, const ReportArguments& report, const OutputPath& output) {
  if (arguments.show && (report.json || output.is_standard_output()))
    fail(ErrorKind::InvalidRequest, "--show: standard output is taken by {}", report.json ? "--json" : "--output -");
}

Previews::Previews(const PictureArguments& arguments, Terminal& terminal, std::span<const fs::path> outputs,
                   FileRoles& roles)
    : terminal_(terminal), quality_(arguments.quality), keep_(arguments.keep_preview) {
  if (arguments.show) encode_ = choose_protocol(*arguments.show, this_terminal());
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
  if (keep_) {
    roles.writes("--preview", path_);
    return;
  }
  roles.takes("--preview", path_);
  const fs::path free = free_name(path_);
  if (free == path_) return;
  terminal_.warn("{} is there already: previews go to {}", path_.string(), free.string());
  path_ = free;
  roles.takes("--preview", path_);
}

// By its bytes: who puts a file of theirs in its place may do so at any moment, also right behind our renaming.
bool Previews::is_ours() const {
  std::error_code ignored;
  if (fs::symlink_status(path_, ignored).type() != fs::file_type::regular) return false;
  try {
    return read_file(path_, written_.size()) ==
           std::string_view(reinterpret_cast<const char*>(written_.data()), written_.size());
  } catch (const Error&) {
    return false;
  }
}

Previews::~Previews() {
  std::error_code ignored;
  if (!written_.empty() && !keep_ && is_ours()) fs::remove(path_, ignored);
}

void Previews::on_preview(const RunPlace& /*at*/, const Preview& preview) {
  if (!path_.empty()) {
    try {
      std::vector<std::byte> bytes = encode_picture(format_, preview.image, {}, quality_);
      write_file_atomically(path_, bytes);
      written_ = std::move(bytes);
    } catch (const Error& e) {
      terminal_.warn("--preview: {}", e.message());
    }
  }
  show(preview.image);
}

void Previews::show(const Image& image) {
  if (encode_ == nullptr) return;
  terminal_.clear_bar();
  print_for_terminal(encode_(image));
}

}  // namespace newbie
