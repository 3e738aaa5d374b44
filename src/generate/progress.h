// What a running request tells: stages, steps, memory. apps/ draw it.
#pragma once

#include <cstddef>
#include <string_view>

namespace newbie {

struct StepReport {
  int picture = 0, pictures = 1;        // which of the batch
  int evaluation = 0, evaluations = 0;  // network evaluations done and in all, of this picture
  double seconds = 0;                   // of the last evaluation
};

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void on_stage(std::string_view /*name*/) {}
  virtual void on_step(const StepReport& /*report*/) {}
};

}  // namespace newbie
