#include "file_roles.h"

#include <algorithm>

#include "core/error.h"
#include "flags.h"
#include "image/picture_format.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

fs::path resolved(const fs::path& path) {
  std::error_code code;
  const fs::path absolute = fs::absolute(path, code);
  const fs::path out = fs::weakly_canonical(absolute, code);
  return code ? absolute.lexically_normal() : out;
}

bool is_same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(a, b, ignored);
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

bool names_files(const CLI::Option& option) {
  if (!option.nonpositional()) return true;
  const std::string type = shown_type(option);
  return type.find("FILE") != type.npos || type.find("PATH") != type.npos || type.find("DIR") != type.npos ||
         type.find("PATTERN") != type.npos;
}

}  // namespace

FileRoles::FileRoles(const CLI::App& parser, std::initializer_list<const char*> outputs, Log& log) : log_(log) {
  for (const CLI::Option* option : parser.get_options()) {
    if (option->count() == 0 || !names_files(*option)) continue;
    const std::string name =
        option->get_lnames().empty() ? option->get_name(true) : "--" + option->get_lnames().front();
    if (std::ranges::find(outputs, name, [](const char* o) { return std::string(o); }) != std::end(outputs)) continue;
    for (const std::string& value : option->results()) {
      if (value == "-") continue;
      reads(name, value);
      if (const size_t at = value.rfind(':'); at != value.npos) reads(name, value.substr(0, at));  // FILE:STRENGTH
    }
  }
}

void FileRoles::add_input(const std::string& role, const fs::path& path, bool is_model, const std::string& extension) {
  std::error_code ignored;
  if (!path.empty() && fs::exists(path, ignored)) inputs_.push_back({role, resolved(path), is_model, extension});
}

void FileRoles::reads_model(const ModelPaths& paths) {
  for (const fs::path& path : {paths.folder, paths.transformer, paths.text_encoder, paths.clip_model, paths.vae})
    add_input("the model", path, true, {});
}

void FileRoles::writes(const std::string& role, const fs::path& path) {
  takes(role, path);
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) log_.warn("{} is there already and will be replaced", path.string());
}

void FileRoles::takes(const std::string& role, const fs::path& path) {
  const fs::path own = resolved(path);
  for (const Role& other : outputs_)
    if (is_same_file(own, other.path))
      fail_with_hint(ErrorKind::InvalidRequest, "give one of them another name", "{}: {} is written by {}, too", role,
                     path.string(), other.name);
  std::error_code ignored;
  const bool is_there = fs::exists(own, ignored);
  for (const Role& other : inputs_) {
    const bool is_folder = fs::is_directory(other.path, ignored);
    const bool is_picture = format_of_name(own).has_value();  // somebody's, in a folder that has a model, too
    if (is_there && is_folder && other.is_model && !is_picture && is_inside(own, other.path))
      fail_with_hint(ErrorKind::InvalidRequest, "choose a name outside of it", "{}: {} is a file of the model", role,
                     path.string());
    const bool is_read = is_folder && is_there && !other.extension.empty() && own.extension() == other.extension &&
                         is_inside(own, other.path);
    if (is_read || is_same_file(own, other.path))
      fail_with_hint(ErrorKind::InvalidRequest, "give the output another name", "{}: {} is read by {}", role,
                     path.string(), other.name);
  }
  outputs_.push_back({role, own});
}

}  // namespace newbie
