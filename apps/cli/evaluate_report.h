// What newbie evaluate has found, as JSON and as words.
#pragma once

#include <string>

#include "core/json.h"
#include "core/log.h"
#include "evaluate/clip_score.h"
#include "evaluate/picture_set.h"
#include "evaluate/set_distance.h"

namespace newbie {

// A number, or "inf": JSON has none.
OrderedJson number_json(double value);
OrderedJson interval_json(const std::optional<Interval>& interval);

// "95 % 1.2 to 3.4", or that there is none, and from how many pictures on there would be one.
std::string interval_text(const Sureness& sureness, size_t fewest);
void add_sureness(OrderedJson& out, const Sureness& sureness);

// By the test where there is one, else by the interval; and in words, with what this N could have seen.
bool excludes_zero(const Sureness& sureness);
std::string verdict_text(const Sureness& sureness);

// What a folder gave, and warnings about what it did not.
OrderedJson set_json(const PictureList& pictures, const ExtractedSet& set);
void warn_about(const PictureList& pictures, const ExtractedSet& set, Log& log);

// `metric` has its extractor in its name: "fid[jina-clip]".
OrderedJson distance_json(const std::string& metric, const SetDistance& distance, const DistanceOptions& options);
std::string distance_text(const std::string& metric, const SetDistance& distance, const DistanceOptions& options);

OrderedJson mean_json(const MeanEstimate& estimate);
OrderedJson clip_score_json(const ClipScore& score);
std::string clip_score_text(const ClipScore& score);

}  // namespace newbie
