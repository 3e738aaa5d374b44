// What `newbie train --check` found out, for a person: as text, and as a page with a contact sheet.
#pragma once

#include <string>

#include "train/run.h"

namespace newbie {

// `seconds`: what the arithmetic of all steps takes at least on this machine; 0: not known.
std::string train_plan_text(const TrainOptions& options, const TrainPlan& plan, double seconds);

// The same and every picture, at most kMostSheetPictures, as the network will see it, with its words.
std::string train_check_page(const TrainOptions& options, const TrainPlan& plan, double seconds);

inline constexpr size_t kMostSheetPictures = 400;

// From the rates of matrix products (rate_cache.h): a step does little else, but smaller ones.
double training_seconds(const TrainOptions& options, const TrainPlan& plan);

}  // namespace newbie
