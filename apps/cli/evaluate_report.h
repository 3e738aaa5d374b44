// What newbie evaluate has found, in words.
#pragma once

#include <string>

#include "evaluate/clip_score.h"
#include "evaluate/score_json.h"
#include "evaluate/set_distance.h"

namespace newbie {

// "95 % 1.2 to 3.4", or that there is none, and from how many pictures on there would be one.
std::string interval_text(const Sureness& sureness, size_t fewest);

// What the test or the interval says, with what this N could have seen.
std::string verdict_text(const Sureness& sureness);

// `metric` has its extractor in its name: "fid[jina-clip]".
std::string distance_text(const std::string& metric, const SetDistance& distance, const DistanceOptions& options);
std::string clip_score_text(const ClipScore& score);

}  // namespace newbie
