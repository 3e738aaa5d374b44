// What a finished comparison has come to: every number of its report.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "compare/settings.h"
#include "compare/store.h"
#include "evaluate/clip_score.h"
#include "evaluate/inception_input.h"
#include "evaluate/paired_distance.h"
#include "evaluate/set_distance.h"
#include "evaluate/table_check.h"
#include "terminal.h"

namespace newbie {

struct ScoreOptions {
  std::optional<std::filesystem::path> reference;  // a folder of true pictures
  std::optional<std::filesystem::path> inception;  // weights; else the model's own Jina CLIP
  InceptionInput inception_input = InceptionInput::Clean;
  size_t distance_resamples = 1000, mean_resamples = 2000;
  uint64_t seed = 0;
};

// Of values of many pictures.
struct Quantiles {
  size_t n = 0;
  double low = 0, median = 0, high = 0;  // 5 %, 50 %, 95 %
};
std::optional<Quantiles> quantiles_of(std::span<const double> values);

// Drift of one value over the pictures and evaluations it was looked at in.
struct ValueSummary {
  std::string stage, path;
  int evaluation = 0;
  Quantiles relative_error;
  double least_cosine = 1;
};

// A row against the reference, picture by picture at the same seed.
struct PairSummary {
  size_t n = 0, identical = 0;
  double psnr_of_mean_error = 0;  // infinite when all are identical
  std::vector<double> psnr;       // of each picture, in their order
  Quantiles psnr_quantiles;       // of those that are not identical
  MeanEstimate ssim;
  double worst_ssim = 1;
  MeanEstimate share_beyond_2;          // of pixels of which a channel differs by more than 2 of 255
  std::vector<Quantiles> latent_error;  // relative, after every step
  std::vector<double> latent_cosine;    // median, after every step
};

// A distance to a set, and whether it differs from the reference row's.
struct RowDistance {
  SetDistance distance;
  std::optional<PairedDistance> difference;  // this row's less the reference row's; at the same seeds
};

// What went wrong, in words, and in how many pictures.
struct Problem {
  std::string words;
  size_t pictures = 0;
};

struct RowReport {
  CompareRow row;
  Resolution precision;
  size_t asked = 0, drawn = 0, good = 0;
  std::vector<Problem> problems;                   // the most frequent first
  std::optional<Quantiles> seconds, step_seconds;  // of warm pictures that were not looked into
  double operations = 0;                           // of one picture, the median
  PictureResult largest;                           // the picture that needed the most memory
  std::optional<RowDistance> fid, kid;             // to the folder of true pictures
  std::optional<RowDistance> fid_f32, kid_f32;     // to the reference row's pictures
  std::optional<ClipScore> clip;
  std::optional<MeanEstimate> clip_difference;  // this row's cosines less the reference row's, paired
  std::optional<PairSummary> pairs;
  std::vector<ValueSummary> values;
};

struct CompareReport {
  std::string extractor;  // of the distances: "jina-clip"
  std::string device;
  int threads = 0;
  std::vector<RowReport> rows;                    // the reference first
  std::map<std::string, double> peak_operations;  // a second, measured here, by dtype
  std::vector<TableFinding> findings;
};

// Reads results and pictures back.
CompareReport score_comparison(const CompareSettings& settings, const CompareStore& store, const ScoreOptions& options,
                               Terminal& terminal, StopToken stop);

}  // namespace newbie
