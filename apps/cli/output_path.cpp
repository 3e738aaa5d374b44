#include "output_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <set>

#include "core/error.h"
#include "core/files.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPlaceholders = "{seed} {index} {date} {width} {height}";

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return fmt::format("{:04}-{:02}-{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

std::string substitute(std::string_view pattern, const PictureName& picture, const std::string& date) {
  std::string out;
  for (size_t i = 0; i < pattern.size();) {
    if (pattern[i] == '%') {
      const size_t end = pattern.find_first_not_of("0123456789", i + 1);
      const char kind = end == std::string_view::npos ? '\0' : pattern[end];
      if (kind == '%' && end == i + 1) {
        out += '%';
        i = end + 1;
        continue;
      }
      constexpr size_t kMostDigits = 2;  // file names are short
      // What a shell's printf knows; other percent signs are themselves.
      if (std::string_view("dius").find(kind) != std::string_view::npos && (kind != 'd' || end - i > kMostDigits + 1))
        fail_with_hint(ErrorKind::InvalidRequest,
                       "%d and %03d are the index, with at most two digits of width; %% is a percent sign",
                       "--output {}: unknown placeholder '{}'", pattern, pattern.substr(i, end + 1 - i));
      if (kind == 'd') {
        const bool zeros = pattern[i + 1] == '0';
        int width = 0;
        for (char digit : pattern.substr(i + 1, end - i - 1)) width = width * 10 + (digit - '0');
        out += zeros ? fmt::format("{:0{}}", picture.index, width) : fmt::format("{:{}}", picture.index, width);
        i = end + 1;
        continue;
      }
    }
    if (pattern[i] == '{') {
      const size_t end = pattern.find('}', i);
      const std::string_view name = pattern.substr(i + 1, end == std::string_view::npos ? end : end - i - 1);
      if (end != std::string_view::npos && name == "seed")
        out += std::to_string(picture.seed);
      else if (end != std::string_view::npos && name == "index")
        out += std::to_string(picture.index);
      else if (end != std::string_view::npos && name == "date")
        out += date;
      else if (end != std::string_view::npos && name == "width")
        out += std::to_string(picture.width);
      else if (end != std::string_view::npos && name == "height")
        out += std::to_string(picture.height);
      else
        fail_with_hint(ErrorKind::InvalidRequest, fmt::format("placeholders: {}", kPlaceholders),
                       "--output {}: unknown placeholder '{{{}'", pattern, pattern.substr(i + 1, end - i));
      i = end + 1;
      continue;
    }
    out += pattern[i++];
  }
  return out;
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// One more than the largest number that names a file of the folder, as in 017.png; 0 without any.
int numbers_in(const fs::path& folder) {
  int out = 0;
  std::error_code code;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    const std::string stem = at->path().stem().string();
    constexpr size_t kLeastDigits = 3, kMostDigits = 5;  // seeds are numbers, too, but seldom written like that
    if (stem.size() < kLeastDigits || stem.size() > kMostDigits) continue;
    if (stem.find_first_not_of("0123456789") == stem.npos) out = std::max(out, std::stoi(stem) + 1);
  }
  return out;
}

[[noreturn]] void fail_to_write(const fs::path& path, const char* hint, const std::string& why) {
  fail_with_hint(ErrorKind::BadFile, hint, "{}: cannot be written: {}", path.string(), why);
}

void require_writable_folder(const fs::path& path, const fs::path& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0)
    fail_to_write(path, "create the folder first",
                  fmt::format("{}: {}", folder.string(), std::generic_category().message(errno)));
  if (!S_ISDIR(info.st_mode)) fail_to_write(path, "", fmt::format("{} is not a folder", folder.string()));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    fail_to_write(path, "choose another folder with -o",
                  fmt::format("{}: {}", folder.string(), std::generic_category().message(errno)));
}

}  // namespace

std::string output_help() {
  return fmt::format(
      "PNG, JPEG or WebP file; in the name: {} or %03d;\na folder gets {{seed}}.png and keeps what is there; - is "
      "standard output",
      kPlaceholders);
}

OutputPath::OutputPath(const std::string& pattern, const char* name_in_folder) : pattern_(pattern), date_(today()) {
  if (pattern_.empty()) fail(ErrorKind::InvalidRequest, "--output: the name is empty");
  if (pattern_.find('\0') != std::string::npos)
    fail(ErrorKind::InvalidRequest, "--output: the name has a zero byte in it");
  if (is_standard_output()) return;
  std::error_code ignored;
  may_make_folder_ = pattern_.ends_with('/');
  is_folder_ = may_make_folder_ || fs::is_directory(pattern_, ignored);
  if (is_folder_) pattern_ = (fs::path(pattern_) / name_in_folder).string();
  const std::string name = substitute(pattern_, {}, date_);
  const auto format = format_of_name(name);
  if (!format)
    fail_with_hint(ErrorKind::Unsupported, fmt::format("pictures are written as {}", kPictureExtensions),
                   "--output {}: the extension is none of these", pattern);
  format_ = *format;
}

OutputPath OutputPath::inside(const std::string& pattern) const {
  const fs::path own(pattern);
  if (own.is_absolute() || std::ranges::find(own, fs::path("..")) != own.end())
    fail_with_hint(ErrorKind::InvalidRequest,
                   "a name of a list is one in the folder of its pictures: --output says which",
                   "\"output\": {} leads out of {}", pattern, folder().string());
  if (own.empty()) fail(ErrorKind::InvalidRequest, "\"output\": the name is empty");
  OutputPath out(folder() == "." ? pattern : (folder() / own).string());
  out.may_make_folder_ |= may_make_folder_;
  return out;
}

std::vector<fs::path> OutputPath::expand(std::span<const PictureName> pictures) const {
  return expand(pictures, is_folder_);
}

std::vector<fs::path> OutputPath::expand_again(std::span<const PictureName> pictures) const {
  return expand(pictures, false);
}

fs::path OutputPath::folder() const { return folder_of(pattern_); }

std::vector<fs::path> OutputPath::expand(std::span<const PictureName> pictures, bool beside) const {
  std::vector<fs::path> out;
  std::set<fs::path> taken;
  const int behind = beside ? numbers_in(folder_of(pattern_)) : 0;
  std::error_code ignored;
  const auto take = [&](const fs::path& path) {
    return !(beside && fs::exists(path, ignored)) && taken.insert(path).second;
  };
  for (PictureName picture : pictures) {
    picture.index += behind;
    const fs::path plain = substitute(pattern_, picture, date_);
    fs::path path = plain;
    for (int number = std::max(picture.index - behind + 1, 2); !take(path); ++number)
      path = folder_of(plain) / fmt::format("{}_{}{}", plain.stem().string(), number, plain.extension().string());
    out.push_back(plain.has_parent_path() ? path : path.filename());
  }
  return out;
}

void OutputPath::check_writable(std::span<const fs::path> paths) const {
  for (const fs::path& path : paths) {
    const fs::path folder = folder_of(path);
    std::error_code ignored;
    if (may_make_folder_ && !fs::exists(folder, ignored)) {
      require_writable_folder(path, folder_of(folder));
      continue;
    }
    require_writable_folder(path, folder);
    if (fs::is_symlink(fs::symlink_status(path, ignored)) && !fs::exists(path, ignored))
      fail_to_write(path, "remove the link, or choose another name with -o",
                    fmt::format("it is a link to {}, which is not there", fs::read_symlink(path, ignored).string()));
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
      fail_to_write(path, "choose another name with -o", "something that is not a file has that name");
    if (path.filename().string().size() > 255) fail_to_write(path, "", "the name is too long");
  }
}

void OutputPath::save(const fs::path& path, std::span<const std::byte> bytes) const {
  if (may_make_folder_) {
    const fs::path folder = folder_of(path);
    std::error_code code;
    if (fs::create_directory(folder, code); code) fail_to_write(path, "", code.message());
  }
  write_file_atomically(path, bytes);
}

}  // namespace newbie
