// How long drawing has taken here, and what a request will take by that. No clock and no threads.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generate/request.h"
#include "generate/result.h"

namespace newbie {

// What drawing time goes with: evaluations of the transformer, each counted with its pixels. `size` is that of the
// pictures it gives. Steps that a strength leaves out are counted, too.
double work_of(const GenerateRequest& request, PictureSize size);

// Evaluations take time by their work; everything else of a job (texts, weights, decoding) is taken as it was. Per
// precision, the last jobs counting most. A guess for people, not a promise.
class SpeedLog {
 public:
  void add(const std::string& precision, double work, const std::vector<StageTime>& times);
  std::optional<double> seconds(const std::string& precision, double work) const;  // nothing: never drawn

 private:
  struct Speed {
    double per_work = 0, beside = 0;
  };
  std::map<std::string, Speed> speeds_;
};

}  // namespace newbie
