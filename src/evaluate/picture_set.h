// Folders of pictures to be scored: what is in them, what of it can be read, which belong together, and their captions.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "evaluate/extractor.h"
#include "evaluate/features.h"
#include "evaluate/resample.h"
#include "image/image.h"

namespace newbie {

// Files of a folder (not of those below it) whose name ends like a picture's, sorted. A file stands for itself.
struct PictureList {
  std::filesystem::path where;
  std::vector<std::filesystem::path> files;
  size_t others = 0;  // files that are no pictures by name; captions are not counted
};
PictureList list_pictures(const std::filesystem::path& path);

// RGB, upright, white behind what is transparent. Errors as of read_picture; Error{OverBudget} when reading it takes
// more than `most_bytes` by its header.
Image read_rgb(const std::filesystem::path& file, size_t most_bytes = SIZE_MAX);

// A file that cannot be read as a picture, and why.
struct Unreadable {
  std::filesystem::path file;
  std::string why;
};

// The features of all pictures that can be read; the others are told. Error{BadFile} when not one can,
// Error{OverBudget} when reading one takes more memory than a process of `memory_bytes` (0: this machine) has left.
struct ExtractedSet {
  FeatureMatrix features;
  std::vector<std::filesystem::path> files;  // of the rows
  std::vector<Unreadable> unreadable;
  size_t not_square = 0;  // of the rows: an extractor that cuts the middle out has not seen all of these
};
ExtractedSet extract_set(const PictureList& pictures, ImageExtractor& extractor, const Watch& watch,
                         size_t memory_bytes = 0);

// Pairs with the same file name, and the names that have no counterpart. Two files are a pair whatever their names.
struct PicturePairs {
  struct Pair {
    std::filesystem::path a, b;
  };
  std::vector<Pair> pairs;
  std::vector<std::string> alone;
};
PicturePairs pair_pictures(const PictureList& a, const PictureList& b);

// Captions by file name, from JSON lines: the name in "file", "file_name" or "image", the text in `key`, or where that
// is empty in the first of kCaptionKeys a line has. Error{BadFile} naming the line.
inline constexpr const char* kCaptionKeys[] = {"prompt", "caption", "text", "xml", "tags"};
using Captions = std::map<std::string, std::string>;
Captions read_captions(const std::filesystem::path& jsonl, const std::string& key);

// The caption of one picture: from `captions`, else name.txt beside it, else the prompt in its metadata. Nothing when
// there is none; an empty one counts as none.
std::optional<std::string> caption_of(const std::filesystem::path& picture, const Captions& captions);

// Pictures and captions, features of both by row; a picture without a caption is left out and told. Error{BadFile} when
// none is left; memory as of extract_set.
struct CaptionedSet {
  ExtractedSet images;
  FeatureMatrix texts;
  std::vector<std::filesystem::path> uncaptioned;
  size_t cut = 0;  // captions too long to be read to their ends
};
CaptionedSet extract_captioned(PictureList pictures, const Captions& captions, JinaExtractor& extractor,
                               const Watch& watch, size_t memory_bytes = 0);

}  // namespace newbie
