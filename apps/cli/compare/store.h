// The folder a comparison is kept in: what was asked for, and for each row each picture with what was measured while it
// was drawn. Every file is written atomically; a picture's result is written last, so that an interrupted comparison
// can go on where it stopped.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/rows.h"
#include "core/json.h"
#include "evaluate/drift.h"
#include "generate/guard_mode.h"

namespace newbie {

// One value inside a network, of one run of it.
struct ValueDrift {
  std::string stage;   // of the request: "gemma", "denoise"
  int evaluation = 0;  // of the denoiser, from 1; 0 elsewhere
  int run = 0;         // within stage and evaluation: 0 the prompt, 1 the negative one
  std::string path;    // "transformer.layers.3"
  Drift drift;
};

struct PictureResult {
  bool drawn = false;  // there is a picture
  bool good = false;   // and no value on its way was NaN or infinite, and it has more than one colour
  std::string error;   // when it was not drawn
  std::vector<GuardEvent> events;
  double seconds = 0;           // from the prompt to the decoded picture
  double planning_seconds = 0;  // before that: graphs, plan, compilation
  double denoise_seconds = 0;
  int64_t evaluations = 0;
  bool warm = false;         // not the first of an engine, which loads weights
  bool timed_apart = false;  // times and memory are of a second run, which nobody looked into
  bool observed = false;     // values were looked at, which takes time
  double operations = 0;     // floating-point, of all networks
  size_t weights_bytes = 0, arena_bytes = 0, buffer_bytes = 0;  // planned, of the stage with the most of all
  size_t planned_allocated_bytes = 0, measured_allocated_bytes = 0;
  size_t planned_peak_bytes = 0, measured_peak_bytes = 0;  // resident; measured 0: this system does not tell
  std::string residency;
  std::vector<Drift> steps;  // of the latents after every step, from those of the reference
  std::vector<ValueDrift> values;
};

OrderedJson result_json(const PictureResult& result);
PictureResult result_of(const Json& json, const std::string& where);  // Error{BadFile} when it is not one

class CompareStore {
 public:
  // `settings` is everything that decides pictures and times. A new folder is made for it; one that has a comparison
  // already is Error{InvalidRequest} unless `resume`, and then the settings must be the same: it names the first that
  // is not.
  CompareStore(std::filesystem::path folder, const OrderedJson& settings, bool resume);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path picture(const CompareRow& row, size_t index) const;
  std::filesystem::path latents(const CompareRow& row, size_t index) const;  // all of the reference, the last of others
  std::filesystem::path values(const CompareRow& row, size_t index) const;

  // Nothing when it is not drawn yet. Error{BadFile} when the file is damaged.
  std::optional<PictureResult> find(const CompareRow& row, size_t index) const;
  bool has(const CompareRow& row, size_t index) const;
  void save_picture(const CompareRow& row, size_t index, std::span<const std::byte> png) const;
  void save(const CompareRow& row, size_t index, const PictureResult& result) const;  // after everything else

 private:
  std::filesystem::path file(const CompareRow& row, size_t index, const char* extension) const;

  std::filesystem::path folder_;
};

}  // namespace newbie
