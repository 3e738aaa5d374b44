// Where pictures go: patterns for file names, and whether they can be written, before any work is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "image/picture_format.h"

namespace newbie {

// What a pattern may use of one picture.
struct PictureName {
  uint64_t seed = 0;
  int index = 0;  // in the batch, from 0
  int64_t width = 0, height = 0;
};

class OutputPath {
 public:
  // `pattern`: a .png, .jpg or .webp file with {seed} {index} {date} {width} {height} or a %d form (%03d: the index) in
  // it, %% for a percent sign; a folder (it exists, or ends in a slash) stands for folder/`name_in_folder`; "-" is
  // standard output. Error{InvalidRequest} on an unknown placeholder, Error{Unsupported} on another kind of file.
  explicit OutputPath(const std::string& pattern, const char* name_in_folder = "{seed}.png");

  // A pattern of a picture's own, inside the folder where this one's pictures go. Error{InvalidRequest} when it leads
  // out of there, else as above.
  OutputPath inside(const std::string& pattern) const;

  bool is_standard_output() const { return pattern_ == "-"; }
  PictureFormat format() const { return format_; }  // by the extension; PNG for standard output

  // One path for each picture. Paths that would be equal are told apart by _2, _3 … before the extension. In a folder
  // no file is replaced: numbers go on behind those that are there, other names are told apart from them, too.
  std::vector<std::filesystem::path> expand(std::span<const PictureName> pictures) const;
  // The same without a look at what is there: what a run is told to go on with, or shares with other machines, has the
  // same names each time.
  std::vector<std::filesystem::path> expand_again(std::span<const PictureName> pictures) const;

  std::filesystem::path folder() const;          // where its pictures go
  bool is_folder() const { return is_folder_; }  // the pattern named one

  // Error{BadFile} unless every path can be written. Touches nothing.
  void check_writable(std::span<const std::filesystem::path> paths) const;

  // Writes atomically; makes the folder first when the pattern named one with a slash.
  void save(const std::filesystem::path& path, std::span<const std::byte> bytes) const;

 private:
  std::vector<std::filesystem::path> expand(std::span<const PictureName> pictures, bool beside) const;

  std::string pattern_;
  std::string date_;
  PictureFormat format_ = PictureFormat::Png;
  bool is_folder_ = false, may_make_folder_ = false;
};

// Help text for -o.
std::string output_help();

}  // namespace newbie
