// Scores as JSON, the same wherever they are told.
#pragma once

#include <optional>
#include <string>

#include "core/json.h"
#include "evaluate/clip_score.h"
#include "evaluate/picture_set.h"
#include "evaluate/set_distance.h"

namespace newbie {

// A number, or "inf": JSON has none.
OrderedJson number_json(double value);
void add_sureness(OrderedJson& out, const Sureness& sureness);

// By the test where there is one, else by the interval.
bool excludes_zero(const Sureness& sureness);

OrderedJson set_json(const PictureList& pictures, const ExtractedSet& set);  // what a folder gave
OrderedJson distance_json(const std::string& metric, const SetDistance& distance, const DistanceOptions& options);
OrderedJson mean_json(const MeanEstimate& estimate);
OrderedJson clip_score_json(const ClipScore& score);

}  // namespace newbie
