// Where the model is when nobody says: the environment, what was installed with this program or library, the source
// tree.
#pragma once

#include <string>
#include <vector>

#include "generate/model_layout.h"

namespace newbie {

// A folder that a model is looked for in.
struct ModelPlace {
  std::string origin;  // who names it: "given", "NEWBIE_MODEL", "installed", "source tree"
  std::filesystem::path folder;
  bool is_asked_for;  // by a person: it is taken whether or not anything is there
};

// In the order they are looked at: `given`, else the environment variable NEWBIE_MODEL; then share/newbie/models/avatar
// of the prefix that holds this code (the program's bin, or the C library's lib or lib/<machine>); then models/avatar
// of the source tree that this code was built in, when it lies in a build folder of one (build/<preset>).
std::vector<ModelPlace> model_places(const std::filesystem::path& given);

// The same for code that lies in `module`, a file (model_places() finds its own).
std::vector<ModelPlace> model_places(const std::filesystem::path& given, const std::filesystem::path& module);

// The place that is taken: the first that a person asked for or that is a folder; nullptr when there is none.
const ModelPlace* chosen_place(const std::vector<ModelPlace>& places);

// Fills in the folder from the chosen place. A person who names single parts without a folder gets none: parts of
// different models seldom fit. Error{BadFile} when there is nothing; it lists where it looked.
ModelPaths find_model(ModelPaths given);

// Jina CLIP of that model, which scores pictures.
std::filesystem::path find_clip_model(const ModelPaths& given);

// Where one encoder is, "text_encoder" or "clip_model": its own path, inside the chosen folder, or that folder itself.
// Error{InvalidRequest} when only other parts were named.
std::filesystem::path encoder_path(const ModelPaths& given, const char* part);

}  // namespace newbie
