#include "rate_cache.h"

#include <filesystem>
#include <fstream>

#include "backend/device_caps.h"
#include "cache_file.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxCacheBytes = size_t{1} << 20;

// Model and features of the first CPU, as Linux words them.
std::string cpu_words() {
  std::ifstream in("/proc/cpuinfo");
  std::string out, line;
  while (std::getline(in, line) && !line.empty())
    for (const char* key : {"model name", "CPU implementer", "CPU part", "flags", "Features"})
      if (line.starts_with(key)) out += line + '\n';
  return out;
}

std::string machine_key(const Backend& backend, int threads) {
  return fmt::format("{}threads {}\nas {}\nbackend {}\n", cpu_words(), threads, this_cpu().name, backend.version());
}

std::optional<std::vector<DTypeRate>> read_cache(const fs::path& path, const std::string& key) {
  try {
    const Json json = parse_json(read_file(path, kMaxCacheBytes), path.string());
    if (!json.is_object() || json.value("machine", "") != key) return std::nullopt;
    std::vector<DTypeRate> out;
    for (const DType dtype : {DType::F32, DType::BF16, DType::F16, DType::I8}) {
      const double gflops = json.at("gflops").at(std::string(to_string(dtype))).get<double>();
      if (!(gflops > 0)) return std::nullopt;
      out.push_back({dtype, gflops});
    }
    return out;
  } catch (const Error&) {
    return std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

void write_cache(const fs::path& path, const std::string& key, const std::vector<DTypeRate>& rates) {
  Json json{{"machine", key}, {"gflops", Json::object()}};
  for (const DTypeRate& rate : rates) json["gflops"][std::string(to_string(rate.dtype))] = rate.gflops;
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  if (failed) return;
  try {
    write_file_atomically(path, json.dump(1));
  } catch (const Error&) {
    // Measured again next time.
  }
}

}  // namespace

MachineRates machine_rates(const Backend& backend, int threads, bool measure_again) {
  const std::string key = machine_key(backend, threads);
  const std::optional<fs::path> file = cache_file("rates.json");
  if (file && !measure_again)
    if (auto known = read_cache(*file, key)) return {std::move(*known), file->string()};
  ThreadPool pool(threads);
  MachineRates out{measure_rates(backend, pool), "measured now"};
  if (file) write_cache(*file, key, out.rates);
  return out;
}

}  // namespace newbie
