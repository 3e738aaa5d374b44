// Whole evaluations of folders of pictures, from paths to numbers: what the command line, C and Python do alike.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "evaluate/clip_score.h"
#include "evaluate/inception_input.h"
#include "evaluate/paired_distance.h"
#include "evaluate/picture_metrics.h"
#include "evaluate/picture_set.h"
#include "evaluate/set_distance.h"

namespace newbie {

enum class Metric { Fid, Kid, ClipScore, Psnr, Ssim };
std::string_view to_string(Metric metric);  // "fid", "kid", "clip-score", "psnr", "ssim"
size_t default_resamples(Metric metric);    // for its interval; 0: it has none

struct EvaluationOptions {
  std::optional<std::filesystem::path> inception;  // for distances; without it the model's Jina CLIP
  InceptionInput inception_input = InceptionInput::Clean;
  std::optional<std::filesystem::path> captions;  // as read_captions
  std::string caption_key;
  size_t resamples = 0;
  size_t splits = 10;
  SubsetOptions subsets;
  std::optional<std::filesystem::path> beside;  // of distances: is `a` nearer to `b` than this folder is?
  uint64_t seed = 0;
  SsimBorder border = SsimBorder::Reflect;
};

// `a` and `b` are folders, or for psnr and ssim single pictures; clip-score may go without `b`.
struct Evaluation {
  Metric metric = Metric::Fid;
  std::string a, b;
  EvaluationOptions options;
};

// {"metric": …, "a": …, "b": …} and, by the names of the members above, what else is asked; "subset_size" is
// subsets.most. Error{InvalidRequest} for what there is not.
Evaluation evaluation_of(const OrderedJson& json);

// Who evaluates.
struct Evaluator {
  Runtime& runtime;                                   // evaluation_runtime()
  std::function<std::filesystem::path()> clip_model;  // asked where Jina CLIP is needed
  Log& log;
  std::function<Watch(const std::string& stage)> watch;
  size_t memory_bytes = 0;  // of the process; 0: what the machine has. A picture that needs more is Error{OverBudget}
};

// What a folder has that is left out or not seen whole.
void warn_about(const PictureList& pictures, const ExtractedSet& set, const ImageExtractor& extractor, Log& log);

// Another set of the same prompts and seeds: distance(a, b) − distance(it, b), over the pictures whose names both have.
struct Beside {
  PictureList pictures;
  ExtractedSet set;
  size_t pairs = 0;
  PairedDistance less;
};

// A distance of two sets.
struct DistanceFound {
  std::string metric;  // "fid[jina-clip]"
  PictureList a, b;
  ExtractedSet of_a, of_b;
  SetDistance distance;
  std::optional<Beside> beside;
  DistanceOptions options;
};
DistanceFound find_distance(const Evaluation& asked, const Evaluator& by);
OrderedJson found_json(const DistanceFound& found);

// How well pictures fit their captions, and of two folders which fits better, by pairs of names.
struct CaptionFit {
  PictureList pictures;
  CaptionedSet set;
  std::vector<double> cosines;
  ClipScore score;
};
struct CaptionFitsFound {
  std::string metric;
  CaptionFit a;
  std::optional<CaptionFit> b;
  std::optional<MeanEstimate> difference;  // of the cosines, first − second
  EvaluationOptions options;
};
CaptionFitsFound find_caption_fits(const Evaluation& asked, const Evaluator& by);
OrderedJson found_json(const CaptionFitsFound& found);

// A metric of two pictures, over all pairs of names.
struct PairsFound {
  std::string metric;  // "psnr", "ssim[reflect]"
  PictureList a, b;
  PicturePairs pairs;
  std::vector<double> values;  // decibels, or similarities
  double median = 0, worst = 0;
  size_t identical = 0;              // psnr
  double of_mean = 0;                // psnr: of the mean of the squared errors
  std::optional<MeanEstimate> mean;  // ssim
  EvaluationOptions options;
};
PairsFound find_pairs(const Evaluation& asked, const Evaluator& by);
OrderedJson found_json(const PairsFound& found);

// Any of them.
OrderedJson evaluate(const Evaluation& asked, const Evaluator& by);

}  // namespace newbie
