#include "lists/shard.h"

#include <charconv>
#include <cstdlib>
#include <optional>

#include "core/error.h"

namespace newbie {

namespace {

constexpr int64_t kMostShards = 1'000'000;

std::optional<int64_t> whole_number_of(std::string_view words) {
  int64_t out = 0;
  const auto [end, code] = std::from_chars(words.data(), words.data() + words.size(), out);
  if (code != std::errc() || end != words.data() + words.size()) return std::nullopt;
  return out;
}

Shard checked(int64_t index, int64_t count, std::string source, std::string_view given) {
  if (count < 1 || count > kMostShards || index < 1 || index > count)
    fail(ErrorKind::InvalidRequest, "--shard: expected I/N with I from 1 to N, as in 2/8; {} says {}", source, given);
  return {index, count, std::move(source)};
}

std::optional<Shard> of_words(const std::string& words, const std::string& source) {
  const size_t slash = words.find('/');
  if (slash == words.npos) return std::nullopt;
  const auto index = whole_number_of(std::string_view(words).substr(0, slash)),
             count = whole_number_of(std::string_view(words).substr(slash + 1));
  if (!index || !count) return std::nullopt;
  return checked(*index, *count, source, words);
}

// A launcher that numbers from 0, by two variables.
struct Launcher {
  const char *source, *index, *count;
};
constexpr Launcher kLaunchers[] = {
    {"srun", "SLURM_PROCID", "SLURM_NTASKS"},
    {"a Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", "NEWBIE_SHARDS"},
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"PMI", "PMI_RANK", "PMI_SIZE"},
    {"Cloud Run", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"},
};

// Slurm counts an array from any number, by any step.
std::optional<Shard> of_slurm_array(const Environment& environment) {
  const auto number = [&](const char* name) { return whole_number_of(environment(name)); };
  const auto id = number("SLURM_ARRAY_TASK_ID"), count = number("SLURM_ARRAY_TASK_COUNT");
  if (!id || !count) return std::nullopt;
  const int64_t least = number("SLURM_ARRAY_TASK_MIN").value_or(0), most = number("SLURM_ARRAY_TASK_MAX").value_or(0);
  const int64_t step = number("SLURM_ARRAY_TASK_STEP").value_or(1);
  if (step < 1 || most < least || *id < least || (most - least) / step + 1 != *count || (*id - least) % step != 0)
    fail_with_hint(ErrorKind::InvalidRequest, "use --array=1-8, or say --shard I/N",
                   "--shard auto: the tasks of Slurm's array are a list, whose places cannot be told");
  return checked((*id - least) / step + 1, *count, "Slurm's array", fmt::format("{} of {}", *id, *count));
}

}  // namespace

std::string process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

Shard parse_shard(const std::string& given, const Environment& environment) {
  if (given != "auto") {
    if (auto out = of_words(given, "--shard")) return *out;
    fail_with_hint(ErrorKind::InvalidRequest, "2/8 is the second of eight; auto asks the launcher",
                   "--shard: expected I/N or auto, got {}", given);
  }
  if (const std::string words = environment("NEWBIE_SHARD"); !words.empty()) {
    if (auto out = of_words(words, "NEWBIE_SHARD")) return *out;
    fail(ErrorKind::InvalidRequest, "NEWBIE_SHARD: expected I/N, got {}", words);
  }
  if (auto out = of_slurm_array(environment)) return *out;
  std::string half;
  for (const Launcher& launcher : kLaunchers) {
    const auto index = whole_number_of(environment(launcher.index)),
               count = whole_number_of(environment(launcher.count));
    if (index && !count && half.empty()) half = fmt::format("{} is there, {} is not", launcher.index, launcher.count);
    // One task of srun inside of something else says nothing.
    if (!index || !count || (std::string_view(launcher.source) == "srun" && *count <= 1)) continue;
    return checked(*index + 1, *count, launcher.source, fmt::format("{} of {}", *index, *count));
  }
  fail_with_hint(ErrorKind::InvalidRequest, "say --shard I/N, or set NEWBIE_SHARD=I/N",
                 "--shard auto: no launcher says which share this is{}", half.empty() ? "" : ": " + half);
}

}  // namespace newbie
