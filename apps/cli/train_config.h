// The file of `newbie train`: TOML, our keys and those of the official trainer.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "train/run.h"

namespace newbie {

// What a file says, with paths seen from where the program runs, as the official trainer does. Keys stand in [Model],
// [Optimization] or [Training], or in none; [rank_pattern] and [alpha_pattern] are tables, [sample]
// or each [[sample]] is a request. Error{BadFile} when it
// cannot be read; Error{InvalidRequest} with file and line for a key that nobody knows (and the nearest that somebody
// does), a value of another kind, and settings of the official trainer that would train something else here. Warns of
// keys that have no meaning here.
TrainOptions read_train_config(const std::filesystem::path& file, Log& log);

// Every key, its kind and what it is, a line each.
std::string train_keys();

}  // namespace newbie
