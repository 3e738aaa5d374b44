// One machine's share of a list: picture k (from 0) belongs to shard k mod N + 1, so that loads are even and N shards
// draw the very pictures that one run draws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace newbie {

struct Shard {
  int64_t index = 1, count = 1;  // index from 1
  std::string source;            // what told it: "--shard", "Slurm's array"

  bool holds(size_t picture) const { return static_cast<int64_t>(picture) % count + 1 == index; }
};

// The value of an environment variable, or "".
using Environment = std::function<std::string(const std::string& name)>;
std::string process_environment(const std::string& name);

// "2/8", or "auto": what the launcher says, the first complete of NEWBIE_SHARD, Slurm's array and tasks, an Indexed Job
// of Kubernetes (with NEWBIE_SHARDS), Open MPI, PMI and Cloud Run. Error{InvalidRequest} when it is none or says
// nonsense.
Shard parse_shard(const std::string& given, const Environment& environment = process_environment);

}  // namespace newbie
