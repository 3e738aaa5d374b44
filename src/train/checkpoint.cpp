#include "train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "train/file_hash.h"
#include "weights/formats/safetensors.h"
#include "weights/safetensors_writer.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint_", kUnfinished = ".unfinished_";
constexpr const char* kStateFile = "state.json";
constexpr size_t kMostStateBytes = size_t{1} << 20;

std::vector<NamedTensor> tensors_of(const Parameters& parameters) {
  std::vector<NamedTensor> out;
  for (const Parameter& p : parameters.all())
    out.push_back({p.name, {{p.shape, DType::F32}, reinterpret_cast<const std::byte*>(p.values.data())}});
  return out;
}

std::vector<NamedTensor> tensors_of(const Optimizer& optimizer) {
  std::vector<NamedTensor> out;
  for (const Optimizer::State& s : optimizer.states()) out.push_back({s.name, {s.spec, s.bytes.data()}});
  return out;
}

// The tensor of a file as it was written; Error{InvalidRequest} when it is another.
std::span<const std::byte> stored(const SafetensorsFile& file, const std::string& name, const TensorSpec& spec) {
  const SafetensorsEntry* entry = file.find(name);
  if (entry == nullptr || !(file.spec(*entry) == spec))
    fail_with_hint(ErrorKind::InvalidRequest,
                   "Another output_dir for this run; or, to begin anew here, take the old checkpoints away.",
                   "{} has no tensor {} of shape {}: it is of a run with other settings", file.path().string(), name,
                   spec.shape.str());
  return file.bytes(*entry);
}

// Whether a run wrote this folder, whole or not.
bool is_of_a_run(const fs::path& path) {
  std::error_code error;
  return fs::is_empty(path, error) || fs::is_regular_file(path / kStateFile, error) ||
         fs::is_regular_file(path / kParametersFile, error);
}

Json state_json(const RunState& s) {
  return {{"step", s.step},
          {"epoch", s.epoch},
          {"group", s.group},
          {"samples", s.samples},
          {"skipped", s.skipped},
          {"bad_in_a_row", s.bad_in_a_row},
          {"smoothed_loss", s.smoothed_loss},
          {"best_validation", s.best_validation},
          {"best_step", s.best_step},
          {"looked_at", s.looked_at}};
}

RunState state_from(const Json& j) {
  RunState s;
  get_whole_number(j, "step", s.step);
  get_whole_number(j, "epoch", s.epoch);
  get_whole_number(j, "group", s.group);
  get_whole_number(j, "samples", s.samples);
  get_whole_number(j, "skipped", s.skipped);
  get_whole_number(j, "bad_in_a_row", s.bad_in_a_row);
  s.smoothed_loss = j.at("smoothed_loss").get<double>();
  s.best_validation = j.at("best_validation").get<double>();
  get_whole_number(j, "best_step", s.best_step);
  s.looked_at = j.at("looked_at").get<bool>();
  return s;
}

void remove_quietly(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
}

}  // namespace

fs::path write_checkpoint(const fs::path& folder, const Learner& learner, const RunState& state, const RunIdentity& run,
                          const std::function<void(const fs::path&)>& more) {
  for (const Parameter& p : learner.parameters().all())
    for (const float v : p.values)
      if (!std::isfinite(v)) fail(ErrorKind::Internal, "{} is not finite: no checkpoint is written of it", p.name);
  const fs::path place = checkpoint_path(folder, state.step);
  const fs::path temporary = folder / (std::string(kUnfinished) + place.filename().string());
  std::error_code error;
  if (fs::exists(place, error) && !is_of_a_run(place))
    fail(ErrorKind::InvalidRequest, "{} is there and no checkpoint of a run: it is left alone", place.string());
  try {
    fs::remove_all(temporary, error);
    fs::create_directories(temporary, error);
    if (error) fail(ErrorKind::BadFile, "{}: {}", temporary.string(), error.message());
    std::vector<std::string> files{kParametersFile, "optimizer.safetensors"};
    write_safetensors(temporary / files[0], tensors_of(learner.parameters()));
    write_safetensors(temporary / files[1], tensors_of(learner.optimizer()));
    if (!learner.mean().empty()) {
      std::vector<NamedTensor> mean = tensors_of(learner.parameters());
      for (size_t i = 0; i < mean.size(); ++i)
        mean[i].tensor.data = reinterpret_cast<const std::byte*>(learner.mean()[i].data());
      files.emplace_back("mean.safetensors");
      write_safetensors(temporary / files.back(), mean);
    }
    if (more) more(temporary);
    Json hashes = Json::object();
    for (const std::string& file : files) hashes[file] = file_sha256(temporary / file);
    const Json json{{"format", 1},
                    {"run", run.settings},
                    {"data", run.data},
                    {"model", run.model},
                    {"state", state_json(state)},
                    {"optimizer_steps", learner.optimizer().steps()},
                    {"scale", static_cast<double>(learner.scaler().scale)},
                    {"good_steps", learner.scaler().good_steps},
                    {"files", hashes}};
    write_file_atomically(temporary / kStateFile, json.dump(1) + "\n");
    fs::remove_all(place, error);  // of the same step: this one is whole
    fs::rename(temporary, place, error);
    if (error) fail(ErrorKind::BadFile, "{}: {}", place.string(), error.message());
  } catch (...) {
    remove_quietly(temporary);
    throw;
  }
  return place;
}

fs::path checkpoint_path(const fs::path& folder, int64_t step) {
  return folder / fmt::format("{}{:08}", kPrefix, step);
}

std::vector<CheckpointPlace> list_checkpoints(const fs::path& folder) {
  std::vector<CheckpointPlace> out;
  std::error_code error;
  for (const fs::path& path : list_folder(folder, error)) {
    const std::string name = path.filename().string();
    if (!name.starts_with(kPrefix) || !fs::is_directory(path, error)) continue;
    int64_t step = 0;
    const char* first = name.data() + kPrefix.size();
    std::from_chars(first, name.data() + name.size(), step);
    if (path.filename() == checkpoint_path(folder, step).filename()) out.push_back({path, step});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.step > b.step; });
  return out;
}

SavedRun read_checkpoint(const fs::path& checkpoint, Learner& learner, const RunIdentity& run) try {
  const Json json = parse_json(read_file(checkpoint / kStateFile, kMostStateBytes), (checkpoint / kStateFile).string());
  for (const auto& [file, hash] : json.at("files").items())
    if (file_sha256(checkpoint / file) != hash.get<std::string>())
      fail(ErrorKind::BadFile, "{}: its bytes are not those that were written", (checkpoint / file).string());
  SavedRun out{.state = state_from(json.at("state")), .changed = {}};
  const auto hold = [&](const char* key, const std::string& hash, std::string_view words) {
    if (json.value(key, hash) != hash) out.changed.push_back(words);
  };
  hold("run", run.settings, "settings");
  hold("data", run.data, "pictures or captions");
  hold("model", run.model, "base model");

  // All is looked at before anything is changed.
  const SafetensorsFile parameters(checkpoint / kParametersFile), states(checkpoint / "optimizer.safetensors");
  for (const Parameter& p : learner.parameters().all()) stored(parameters, p.name, {p.shape, DType::F32});
  for (const Optimizer::State& s : learner.optimizer().states()) stored(states, s.name, s.spec);
  std::unique_ptr<SafetensorsFile> mean;
  if (!learner.mean().empty()) {
    mean = std::make_unique<SafetensorsFile>(checkpoint / "mean.safetensors");
    for (const Parameter& p : learner.parameters().all()) stored(*mean, p.name, {p.shape, DType::F32});
  }
  int64_t steps = 0, good_steps = 0;
  get_whole_number(json, "optimizer_steps", steps);
  get_whole_number(json, "good_steps", good_steps);
  const auto scale = static_cast<float>(json.at("scale").get<double>());

  for (size_t i = 0; i < learner.parameters().all().size(); ++i) {
    Parameter& p = learner.parameters().all()[i];
    const TensorSpec spec{p.shape, DType::F32};
    std::memcpy(p.values.data(), stored(parameters, p.name, spec).data(), spec.bytes());
    if (mean) std::memcpy(learner.mean()[i].data(), stored(*mean, p.name, spec).data(), spec.bytes());
  }
  for (Optimizer::State& s : learner.optimizer().states())
    std::memcpy(s.bytes.data(), stored(states, s.name, s.spec).data(), s.bytes.size());
  learner.optimizer().set_steps(steps);
  learner.set_scaler({scale, good_steps});
  return out;
} catch (const Json::exception& e) {
  fail(ErrorKind::BadFile, "{}: {}", (checkpoint / kStateFile).string(), e.what());
}

void remove_old_checkpoints(const fs::path& folder, int64_t newest, size_t keep, const std::vector<fs::path>& spared) {
  std::vector<CheckpointPlace> all = list_checkpoints(folder);
  std::erase_if(all, [&](const CheckpointPlace& c) { return c.step > newest || !is_of_a_run(c.path); });
  for (size_t i = keep; i < all.size(); ++i)
    if (std::find(spared.begin(), spared.end(), all[i].path) == spared.end()) remove_quietly(all[i].path);
  std::error_code error;
  for (const fs::path& path : list_folder(folder, error))
    if (path.filename().string().starts_with(kUnfinished)) remove_quietly(path);
}

}  // namespace newbie
