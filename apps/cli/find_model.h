// Where the model is when nobody says: the environment, the installed program, the source tree.
#pragma once

#include "generate/parts.h"

namespace newbie {

// Fills in the folder: `given.folder`, else the environment variable NEWBIE_MODEL, else share/newbie/models/avatar
// beside the program's own folder, else models/avatar of the source tree. A person who names single parts without a
// folder gets none: parts of different models seldom fit. Error{BadFile} when there is nothing; it lists where it
// looked.
ModelPaths find_model(ModelPaths given);

}  // namespace newbie
