// Random numbers of training, each a function of the run's seed, what it is for and its number: a resumed run, other
// micro-batches and other threads draw the same, and there is no generator to save.
#pragma once

#include <cstdint>
#include <span>

namespace newbie {

enum class DrawFor : uint64_t { Time = 1, Noise, Order, Dropout, Tags, Initial, Crop, AdapterDropout };

class Draw {
 public:
  Draw(uint64_t seed, DrawFor use, uint64_t number);

  uint64_t bits();                 // 64 of them
  double uniform();                // [0, 1) in steps of 2⁻⁵³
  double normal();                 // Box and Muller's, in double
  uint64_t below(uint64_t count);  // [0, count), count > 0, without a bias
  void normal(std::span<float> out);

 private:
  uint64_t state_;
};

}  // namespace newbie
