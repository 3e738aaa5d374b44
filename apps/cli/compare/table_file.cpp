#include "compare/table_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/files.h"
#include "core/printable.h"
#include "graph/cost.h"
#include "graph/ops/sources.h"
#include "measure/full_size.h"
#include "models/flux_vae/graph.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "models/next_dit/graph.h"

namespace newbie {

namespace {

constexpr size_t kMaxTableBytes = size_t{16} << 20;

// An object of the file, with its place for messages. Every key has to be asked for: a misspelt one is no field left
// out.
class Fields {
 public:
  Fields(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) refuse("an object", json);
  }

  std::optional<double> number(const char* key, double low = 0) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) refuse_field(key, "a number", *value);
    const auto out = value->get<double>();
    if (!std::isfinite(out) || out < low) refuse_field(key, "a number not below the least possible", *value);
    return out;
  }
  std::optional<int64_t> whole(const char* key, int64_t low, int64_t high) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer() || *value < low || *value > high)
      refuse_field(key, fmt::format("a whole number from {} to {}", low, high), *value);
    return value->get<int64_t>();
  }
  std::string text(const char* key) {
    const Json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) refuse_field(key, "a string", *value);
    return value->get<std::string>();
  }
  bool truth(const char* key, bool otherwise) {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) refuse_field(key, "true or false", *value);
    return value->get<bool>();
  }
  std::optional<Interval> interval(const char* key) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_array() || value->size() != 2 || !value->at(0).is_number() || !value->at(1).is_number())
      refuse_field(key, "two numbers", *value);
    return Interval{value->at(0).get<double>(), value->at(1).get<double>()};
  }
  std::optional<Fields> object(const char* key) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    return Fields(*value, where_ + "/" + key);
  }
  std::vector<Fields> objects(const char* key) {
    const Json* value = find(key);
    if (value == nullptr || !value->is_array()) refuse_field(key, "a list", value != nullptr ? *value : Json());
    std::vector<Fields> out;
    for (size_t i = 0; i < value->size(); ++i) out.emplace_back(value->at(i), fmt::format("{}/{}/{}", where_, key, i));
    return out;
  }
  [[noreturn]] void missing(const char* key) const { fail(ErrorKind::BadFile, "{}: no \"{}\"", where_, key); }
  std::vector<std::string> keys() const {
    std::vector<std::string> out;
    for (const auto& [key, value] : json_.items()) out.push_back(key);
    return out;
  }
  // After everything was asked for.
  void finish() const {
    for (const auto& [key, value] : json_.items())
      if (!asked_.contains(key)) fail(ErrorKind::BadFile, "{}: unknown field \"{}\"", where_, key);
  }

 private:
  const Json* find(const char* key) {
    asked_.insert(key);
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }
  [[noreturn]] void refuse(const std::string& expected, const Json& got) const {
    std::string text = got.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 60) + "…";
    fail(ErrorKind::BadFile, "{}: expected {}, got {}", where_, expected, text);
  }
  [[noreturn]] void refuse_field(const char* key, const std::string& expected, const Json& got) const {
    Fields(json_, where_ + "/" + key, 0).refuse(expected, got);
  }
  Fields(const Json& json, std::string where, int /*any kind of value*/) : json_(json), where_(std::move(where)) {}

  const Json& json_;
  std::string where_;
  std::set<std::string, std::less<>> asked_;
};

struct DTypeBytes {
  const char* name;
  double bytes;
};
constexpr DTypeBytes kDTypes[] = {{"f32", 4}, {"tf32", 4}, {"bf16", 2}, {"f16", 2}, {"int8", 1}, {"f8", 1}};

// Weights of a picture's graphs, each once, and their operations.
struct Cost {
  double parameters = 0, operations = 0;
};

void count_weights(const Graph& graph, std::set<std::string>& seen, const char* part, Cost& cost) {
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.op == &weight_op && seen.insert(part + node.paths.front()).second)
      cost.parameters += static_cast<double>(node.shape.elements());
  }
}

Cost cost_of_full_size(int64_t width, int64_t height, int64_t tokens, int64_t steps, bool guidance) {
  const ModelSizes m = full_size();
  constexpr int64_t kDownscale = 8;
  const double prompts = guidance ? 2 : 1;
  Cost cost;
  std::set<std::string> seen;
  const auto add = [&](const char* part, const Graph& graph, double runs) {
    count_weights(graph, seen, part, cost);
    cost.operations += runs * floating_operations(graph);
  };
  const int64_t h = height / kDownscale, w = width / kDownscale;
  add("transformer.", next_dit_step(m.transformer, tokens, h, w), prompts * static_cast<double>(steps));
  add("transformer.", next_dit_context(m.transformer, tokens), prompts);
  add("text_encoder.", gemma3_features(m.text_encoder, tokens), prompts);
  add("clip_model.", jina_text(m.clip_model, tokens), prompts);
  add("vae.", flux_vae_decoder(m.vae, h, w), 1);
  return cost;
}

std::optional<ComparedScore> score_of(std::optional<Fields> fields, const char* kind) {
  if (!fields) return std::nullopt;
  ComparedScore out;
  const auto value = fields->number("value", std::numeric_limits<double>::lowest());
  if (!value) fields->missing("value");
  out.value = *value;
  out.n = fields->number("n", 1);
  out.interval = fields->interval("interval");
  out.difference = fields->interval("difference");
  out.kind = fields->text(kind);
  fields->finish();
  return out;
}

ComparedScore score_of(const RowDistance& d, const std::string& extractor) {
  ComparedScore out{.value = d.distance.value,
                    .n = static_cast<double>(d.distance.rows_a),
                    .interval = d.distance.sureness.interval,
                    .difference = d.difference ? d.difference->sureness.interval : std::nullopt,
                    .kind = extractor};
  if (d.distance.split_half) out.split_half = d.distance.split_half->mean;
  return out;
}

}  // namespace

ComparedTable table_of(const CompareReport& report) {
  ComparedTable out{.device = report.device, .peak_operations = report.peak_operations};
  if (!report.rows.empty() && report.rows.front().operations > 0) {
    out.operations = report.rows.front().operations;
    out.work = "all networks of a picture, counted while it was drawn";
  }
  for (const RowReport& row : report.rows) {
    ComparedRow r{.name = row.row.name, .succeeded = row.good != 0 || row.asked == 0};
    const Resolution& precision = row.precision;
    r.arithmetic = precision.emulated ? "f32" : to_string(precision.policy.dtype);
    if (row.largest.measured_peak_bytes != 0) {
      r.memory_bytes = static_cast<double>(row.largest.measured_peak_bytes);
      r.weights_bytes = static_cast<double>(row.largest.weights_bytes);
    }
    if (row.seconds) r.seconds = row.seconds->median;
    if (!r.succeeded && !row.problems.empty()) r.failure = row.problems.front().words;
    if (row.fid) r.fid = score_of(*row.fid, report.extractor);
    if (row.kid) r.kid = score_of(*row.kid, report.extractor);
    if (row.clip)
      r.clip_score =
          ComparedScore{.value = row.clip->cosine.mean,
                        .n = static_cast<double>(row.clip->cosine.n),
                        .interval = row.clip->cosine.sureness.interval,
                        .difference = row.clip_difference ? row.clip_difference->sureness.interval : std::nullopt,
                        .kind = "cosine, jina-clip"};
    out.rows.push_back(std::move(r));
  }
  return out;
}

TableFile read_table(const std::filesystem::path& path) {
  return parse_table(read_file(path, kMaxTableBytes), path.string());
}

TableFile parse_table(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where);
  Fields file(json, where);
  TableFile out{.title = file.text("title"), .source = file.text("source")};
  ComparedTable& table = out.table;

  auto device = file.object("device");
  if (!device) fail(ErrorKind::BadFile, "{}: no \"device\"", where);
  table.device = device->text("name");
  if (const auto memory = device->number("memory_gb")) table.device_memory_bytes = *memory * 1e9;
  if (auto peaks = device->object("peak_tflops")) {
    for (const std::string& key : peaks->keys())
      if (const auto rate = peaks->number(key.c_str())) table.peak_operations[key] = *rate * 1e12;
    peaks->finish();
  }
  device->finish();

  std::optional<double> parameters;
  if (auto work = file.object("work")) {
    const std::string model = work->text("model");
    const auto width = work->whole("width", 16, 16384), height = work->whole("height", 16, 16384),
               steps = work->whole("steps", 1, 10000), tokens = work->whole("tokens", 1, 8192);
    const bool guidance = work->truth("guidance", true);
    parameters = work->number("parameters");
    table.operations = work->number("operations");
    table.work = work->text("note");
    work->finish();
    if (model == "newbie-3.5b") {
      if (!width || !height || !steps || *width % 16 != 0 || *height % 16 != 0)
        fail(ErrorKind::BadFile, "{}/work: expected width and height in multiples of 16, and steps", where);
      const Cost cost = cost_of_full_size(*width, *height, tokens.value_or(256), *steps, guidance);
      if (!parameters) parameters = cost.parameters;
      if (!table.operations) {
        table.operations = cost.operations;
        table.work = fmt::format("{}x{}, {} steps{}, {} tokens", *width, *height, *steps,
                                 guidance ? " of two passes" : " of one pass", tokens.value_or(256));
      }
    } else if (!model.empty()) {
      fail_with_hint(ErrorKind::BadFile, "known: newbie-3.5b; others give \"parameters\" and \"operations\"",
                     "{}/work: unknown model \"{}\"", where, model);
    }
  }

  for (Fields& row : file.objects("rows")) {
    ComparedRow r{.name = row.text("name"), .arithmetic = row.text("arithmetic")};
    if (const auto memory = row.number("memory_gb")) r.memory_bytes = *memory * 1e9;
    const std::string weights = row.text("weights");
    if (!weights.empty()) {
      const auto known = std::ranges::find(kDTypes, weights, &DTypeBytes::name);
      if (known == std::end(kDTypes))
        fail(ErrorKind::BadFile, "{}: row {}: unknown dtype \"{}\" of weights", where, r.name, weights);
      if (parameters) r.weights_bytes = *parameters * known->bytes;
      r.holds_own_dtype = parameters.has_value();
    }
    r.seconds = row.number("seconds");
    r.fid = score_of(row.object("fid"), "extractor");
    r.kid = score_of(row.object("kid"), "extractor");
    r.clip_score = score_of(row.object("clip_score"), "variant");
    r.succeeded = row.truth("succeeded", true);
    r.failure = row.text("failure");
    row.finish();
    table.rows.push_back(std::move(r));
  }
  file.finish();
  if (table.rows.empty()) fail(ErrorKind::BadFile, "{}: no rows", where);
  return out;
}

OrderedJson findings_json(const std::vector<TableFinding>& findings) {
  OrderedJson out = OrderedJson::array();
  for (const TableFinding& f : findings)
    out.push_back({{"verdict", to_string(f.verdict)}, {"row", f.row}, {"quantity", f.quantity}, {"words", f.words}});
  return out;
}

std::string findings_text(const std::vector<TableFinding>& findings) {
  constexpr size_t kMost = 20;  // of a verdict and a quantity
  std::string out;
  std::map<std::pair<Verdict, std::string>, size_t> told;
  for (const TableFinding& f : findings)
    if (++told[{f.verdict, f.quantity}] <= kMost)
      out += fmt::format("{:<14}{:<12}{}\n{:26}{}\n", to_string(f.verdict), f.quantity, in_one_line(f.row), "",
                         in_one_line(f.words));
  for (const auto& [kind, count] : told)
    if (count > kMost)
      out += fmt::format("{:<14}{:<12}{} more: --json lists all\n", to_string(kind.first), kind.second, count - kMost);
  return out;
}

}  // namespace newbie
