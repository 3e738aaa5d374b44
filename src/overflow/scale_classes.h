// Which values of a model can be kept smaller together: those that sums, gates and moves tie to one scale
// (compile/rescale.h), from the ops with weights that make them to those that take any scale. Pieces of a result are
// values of their own, and the whole is none.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "overflow/range_trace.h"

namespace newbie {

struct ScaleClass {
  std::set<std::string> members;       // names of values
  std::set<std::string> sources;       // paths of the ops, or pieces, whose weights take a power of two
  std::set<std::string> must_be_true;  // members that something reads which takes no scale
  std::map<std::string, int> weights;  // by WeightRange::key: +1 what grows with the members, -1 what takes it back
};

class ScaleClasses {
 public:
  // Of plain graphs, all values named.
  explicit ScaleClasses(std::span<const TracedGraph* const> graphs);

  const ScaleClass& of(const std::string& name) const;  // Error{Internal} for a value that is in no graph

  // Every path that a rescale can name.
  const std::set<std::string>& all_sources() const { return all_sources_; }

  const std::vector<ScaleClass>& all() const { return classes_; }

 private:
  void add_weights(const TracedGraph& traced);

  std::map<std::string, size_t> at_;
  std::vector<ScaleClass> classes_;
  std::set<std::string> all_sources_;
};

}  // namespace newbie
