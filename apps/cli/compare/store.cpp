#include "compare/store.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/files.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSettingsFile = "comparison.json";
constexpr size_t kMaxSettingsBytes = size_t{256} << 20, kMaxResultBytes = size_t{64} << 20;

// JSON has no infinities and no NaN.
OrderedJson real_json(double v) {
  if (std::isfinite(v)) return v;
  return std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf";
}

double real_of(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const auto word = json.get<std::string>();
  if (word == "nan") return std::nan("");
  return word == "-inf" ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

OrderedJson drift_json(const Drift& d) { return {real_json(d.relative_error), real_json(d.cosine), d.not_finite}; }

Drift drift_from(const Json& json) {
  return {real_of(json.at(0)), real_of(json.at(1)), whole_number<size_t>(json.at(2), "elements that are not finite")};
}

// The first place where two documents differ.
std::optional<Json::json_pointer> first_difference(const Json& a, const Json& b, const Json::json_pointer& at) {
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) {
      if (!b.contains(key)) return at / key;
      if (auto inside = first_difference(value, b.at(key), at / key)) return inside;
    }
    for (const auto& [key, value] : b.items())
      if (!a.contains(key)) return at / key;
    return std::nullopt;
  }
  if (a.is_array() && b.is_array() && a.size() == b.size()) {
    for (size_t i = 0; i < a.size(); ++i)
      if (auto inside = first_difference(a[i], b[i], at / i)) return inside;
    return std::nullopt;
  }
  return a == b ? std::nullopt : std::optional(at);
}

std::string in_short(const Json& json, const Json::json_pointer& at) {
  if (!json.contains(at)) return "nothing";
  std::string out = json.at(at).dump(-1, ' ', false, Json::error_handler_t::replace);
  return out.size() > 80 ? out.substr(0, 80) + "…" : out;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorKind::BadFile, "{}: cannot be made: {}", folder.string(), error.message());
}

// Json::exception and Error when it is not one.
PictureResult read_result(const Json& json) {
  PictureResult r;
  json.at("drawn").get_to(r.drawn);
  json.at("good").get_to(r.good);
  json.at("error").get_to(r.error);
  for (const Json& e : json.at("events"))
    r.events.push_back({.where = e.at("where"),
                        .problem = e.at("problem"),
                        .action = e.at("action"),
                        .evaluation = whole_number<int>(e.at("evaluation"), "evaluation")});
  json.at("seconds").get_to(r.seconds);
  json.at("planning_seconds").get_to(r.planning_seconds);
  json.at("denoise_seconds").get_to(r.denoise_seconds);
  get_whole_number(json, "evaluations", r.evaluations);
  json.at("warm").get_to(r.warm);
  r.timed_apart = json.value("timed_apart", false);
  json.at("observed").get_to(r.observed);
  json.at("operations").get_to(r.operations);
  get_whole_number(json, "weights_bytes", r.weights_bytes);
  get_whole_number(json, "arena_bytes", r.arena_bytes);
  get_whole_number(json, "buffer_bytes", r.buffer_bytes);
  get_whole_number(json, "planned_allocated_bytes", r.planned_allocated_bytes);
  get_whole_number(json, "measured_allocated_bytes", r.measured_allocated_bytes);
  get_whole_number(json, "planned_peak_bytes", r.planned_peak_bytes);
  get_whole_number(json, "measured_peak_bytes", r.measured_peak_bytes);
  json.at("residency").get_to(r.residency);
  for (const Json& d : json.at("steps")) r.steps.push_back(drift_from(d));
  for (const Json& v : json.at("values"))
    r.values.push_back({v.at(0).get<std::string>(), whole_number<int>(v.at(1), "evaluation"),
                        whole_number<int>(v.at(2), "run"), v.at(3).get<std::string>(), drift_from(v.at(4))});
  return r;
}

}  // namespace

OrderedJson result_json(const PictureResult& r) {
  OrderedJson out{{"drawn", r.drawn}, {"good", r.good}, {"error", r.error}};
  out["events"] = OrderedJson::array();
  for (const GuardEvent& e : r.events)
    out["events"].push_back(
        {{"where", e.where}, {"problem", e.problem}, {"action", e.action}, {"evaluation", e.evaluation}});
  out["seconds"] = r.seconds;
  out["planning_seconds"] = r.planning_seconds;
  out["denoise_seconds"] = r.denoise_seconds;
  out["evaluations"] = r.evaluations;
  out["warm"] = r.warm;
  out["timed_apart"] = r.timed_apart;
  out["observed"] = r.observed;
  out["operations"] = r.operations;
  out["weights_bytes"] = r.weights_bytes;
  out["arena_bytes"] = r.arena_bytes;
  out["buffer_bytes"] = r.buffer_bytes;
  out["planned_allocated_bytes"] = r.planned_allocated_bytes;
  out["measured_allocated_bytes"] = r.measured_allocated_bytes;
  out["planned_peak_bytes"] = r.planned_peak_bytes;
  out["measured_peak_bytes"] = r.measured_peak_bytes;
  out["residency"] = r.residency;
  out["steps"] = OrderedJson::array();  // relative error, cosine, elements that are not finite
  for (const Drift& d : r.steps) out["steps"].push_back(drift_json(d));
  out["values"] = OrderedJson::array();
  for (const ValueDrift& v : r.values)
    out["values"].push_back({v.stage, v.evaluation, v.run, v.path, drift_json(v.drift)});
  return out;
}

PictureResult result_of(const Json& json, const std::string& where) {
  std::string reason;
  try {
    return read_result(json);
  } catch (const Json::exception& e) {
    reason = e.what();
  } catch (const Error& e) {
    reason = e.message();
  }
  fail_with_hint(ErrorKind::BadFile, "remove it, and it is drawn again", "{}: not a picture's result: {}", where,
                 reason);
}

CompareStore::CompareStore(fs::path folder, const OrderedJson& settings, bool resume) : folder_(std::move(folder)) {
  const fs::path known = folder_ / kSettingsFile;
  std::error_code ignored;
  if (!fs::exists(known, ignored)) {
    make_folder(folder_);
    write_file_atomically(known, settings.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
    return;
  }
  if (!resume)
    fail_with_hint(ErrorKind::InvalidRequest, "--resume goes on with it; or give another folder",
                   "{}: there is a comparison already", folder_.string());
  // As both are written: numbers keep their digits, and what is no UTF-8 is replaced alike.
  const std::string asked = settings.dump(1, ' ', false, OrderedJson::error_handler_t::replace);
  const Json before = parse_json(read_file(known, kMaxSettingsBytes), known.string()),
             now = parse_json(asked, "the settings");
  if (const auto at = first_difference(before, now, Json::json_pointer()))
    fail_with_hint(ErrorKind::InvalidRequest, "ask for the same, or give another folder",
                   "{}: a comparison with other settings: {} is {} there, asked for is {}", known.string(),
                   at->empty() ? "all of it" : at->to_string().substr(1), in_short(before, *at), in_short(now, *at));
}

fs::path CompareStore::file(const CompareRow& row, size_t index, const char* extension) const {
  return folder_ / row.name / fmt::format("{:06}{}", index, extension);
}
fs::path CompareStore::picture(const CompareRow& row, size_t index) const { return file(row, index, ".png"); }
fs::path CompareStore::latents(const CompareRow& row, size_t index) const {
  return file(row, index, ".latents.safetensors");
}
fs::path CompareStore::values(const CompareRow& row, size_t index) const {
  return file(row, index, ".values.safetensors");
}

bool CompareStore::has(const CompareRow& row, size_t index) const {
  std::error_code ignored;
  return fs::exists(file(row, index, ".json"), ignored);
}

std::optional<PictureResult> CompareStore::find(const CompareRow& row, size_t index) const {
  if (!has(row, index)) return std::nullopt;
  const fs::path path = file(row, index, ".json");
  return result_of(parse_json(read_file(path, kMaxResultBytes), path.string()), path.string());
}

void CompareStore::save_picture(const CompareRow& row, size_t index, std::span<const std::byte> png) const {
  make_folder(folder_ / row.name);
  write_file_atomically(picture(row, index), png);
}

void CompareStore::save(const CompareRow& row, size_t index, const PictureResult& result) const {
  make_folder(folder_ / row.name);
  write_file_atomically(file(row, index, ".json"), result_json(result).dump() + "\n");
}

}  // namespace newbie
