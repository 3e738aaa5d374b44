// When a preview is worth making: one that was asked for more often than is cheap is left out. No clock.
#pragma once

namespace newbie {

// What previews cost stays below kShare of the time: after one, none is due before it is that small a part of the time
// since it began. The first one is due at once.
class PreviewPace {
 public:
  static constexpr double kShare = 0.02;

  bool is_due(double now) const { return now >= due_; }
  void made(double began, double ended) { due_ = began + (ended - began) / kShare; }

 private:
  double due_ = 0;
};

}  // namespace newbie
