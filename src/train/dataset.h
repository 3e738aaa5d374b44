// Dataset: pictures in folders and the words beside them, as a training run sees them. Reads headers of pictures and
// captions, no pixels but to see that a picture is whole.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/log.h"
#include "train/buckets.h"

namespace newbie {

struct DatasetOptions {
  std::filesystem::path folder;  // and all below it
  BucketOptions buckets;
  int64_t unit = 16;    // pixels of a token's side
  bool strict = false;  // a picture that cannot be read is an error
  bool operator==(const DatasetOptions&) const = default;
};

struct Example {
  std::filesystem::path path;
  std::string name;     // below the folder
  std::string caption;  // trimmed; empty when there is none
  std::string content;  // SHA-256 of the file's bytes
  int64_t width = 0, height = 0;
  size_t bucket = 0;
  int64_t repeats = 1;
};

struct Dataset {
  std::vector<Example> examples;  // by name
  std::vector<PictureSize> buckets;
  struct Trouble {
    std::string name, what;
  };
  std::vector<Trouble> broken;                  // pictures that were left out
  std::vector<std::string> without_caption;     // names
  std::vector<std::vector<std::string>> equal;  // names of pictures with the same bytes

  int64_t samples() const;  // of an epoch, repeats counted
};

// Pictures are files of kTrainedExtensions. A folder named "N_name" repeats its pictures N times where there are
// buckets. The caption of a.png is the first of a.txt, a.xml, a.caption, a.json; else its row in a .jsonl beside it.
// JSON and rows: "caption", "xml", "prompt" or "text"; rows name their picture by "file", "file_name", "image" or
// "image_path". Error{BadFile} when the folder is not there or holds no picture that can be read, for a caption that is
// no text, or, when strict, naming the first broken picture.
Dataset read_dataset(const DatasetOptions& options, Log& log);

inline constexpr const char* kTrainedExtensions = ".png, .jpg, .jpeg, .webp";

// "10_name" -> 10; otherwise 1.
int64_t repeats_of(const std::string& folder_name);

// The picture as the network is to see it: covered by Lanczos, cut in the middle, on white.
Image trained_picture(const Example& example, PictureSize bucket);

}  // namespace newbie
