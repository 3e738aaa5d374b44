// Ranks: the processes that train together, seen as few calls as there can be. The only door to MPI.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace newbie {

class Ranks {
 public:
  virtual ~Ranks() = default;
  virtual int rank() const { return 0; }
  virtual int size() const { return 1; }
  bool first() const { return rank() == 0; }  // it alone writes files

  // Sends `to_peer` to `peer` and receives `from_peer` from it; either may be empty, and both ends name the same sizes.
  virtual void exchange(int /*peer*/, std::span<const std::byte> /*to_peer*/, std::span<std::byte> /*from_peer*/) {}
  virtual void broadcast(std::span<std::byte> /*from_the_first*/) {}
  virtual void barrier() {}

  // A rank that cannot go on ends all of them. Alone it returns.
  virtual void abandon() {}
};

// Alone, unless mpirun started this process together with others. Error{Unsupported} when it did and this build has no
// MPI. Once a process. A rank that dies ends all (mpirun sees to it); so does one that is silent for `kMostSilence`
// seconds while it should be alive. Every rank sees the same files.
std::unique_ptr<Ranks> start_ranks();

inline constexpr int kMostSilence = 60;

}  // namespace newbie
