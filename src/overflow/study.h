// The study of a subject under one precision: what f32 needs, what that precision cannot hold, and what happened when
// it was run.
#pragma once

#include "compile/precision.h"
#include "overflow/subject.h"

namespace newbie {

// Numbers that the asked precision cannot keep: larger ones than its format has, or such small ones that underflow
// takes a noticeable share.
struct Excess {
  enum class Where {
    Stored,   // as the result of an op
    Operand,  // as what a matrix reads, rounded to its compute dtype
    Weight,   // of an op, in its compute dtype
    Inside,   // in an op, as `kind` says
  };
  Where where = Where::Stored;
  std::string name;    // of the value; Weight: of what it makes; Inside: of the op
  std::string op;      // of the plain graph
  std::string reader;  // Operand: name of what reads it
  std::string weight;  // Weight: WeightRange::key
  InsideKind kind = InsideKind::SquareSum;
  double largest = 0;  // seen in f32
  double loss = 0;     // what underflow takes of it (Loss::share); 0: it is too large
  DType format = DType::F16;
  Moment when;
};

struct StudyOptions {
  int threads = 1;
  std::string part;  // this one alone is looked at
  bool absolute_sums = false;
};

struct Study {
  Resolution resolution;
  std::unique_ptr<RangeTrace> plain;    // in f32, nothing fused
  std::unique_ptr<RangeTrace> asked;    // as it was asked for
  std::vector<std::string> bad_in_f32;  // values that are not finite there, the first to go bad first
  std::vector<Excess> excesses;         // what is too large, in the order of the run
  std::vector<Excess> losses;           // what is too small, by what underflow takes
  SubjectRun exact, drawn;              // in f32, and as asked for
  double flop = 0, f32_flop = 0;        // of matrices in the asked run, and those that multiply in f32

  const std::optional<FirstBad>& first_bad() const { return asked->first_bad(); }
  bool is_finite() const;               // every value and every inner sum stayed in range
  std::vector<double> cosines() const;  // of each prompt's result to that in f32; NaN where one is not finite
};

std::shared_ptr<const Study> study(Subject& subject, const PrecisionRequest& request, const StudyOptions& options,
                                   RunObserver& progress, StopToken stop);

// The cosine of the angle between two vectors, in double; NaN when a number is not finite.
double cosine(std::span<const float> a, std::span<const float> b);

}  // namespace newbie
