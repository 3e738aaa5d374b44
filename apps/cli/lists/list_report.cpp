#include "lists/list_report.h"

#include <cerrno>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/lines.h"
#include "lists/csv.h"
#include "weights/sha256.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxReportBytes = size_t{1} << 30, kMaxCheckedBytes = size_t{1} << 30;
constexpr const char* kTableHead = "picture,path,line,seed,width,height,seconds,sha256,was_there,error\n";

std::string run_line(const RunFacts& run) {
  return OrderedJson{{"run",
                      {{"pictures", run.pictures},
                       {"shard", run.shard},
                       {"shards", run.shards},
                       {"engine", run.engine},
                       {"precision", run.precision},
                       {"precision_policy", run.precision_policy}}}}
      .dump();
}

std::string json_line(const PictureRecord& r) {
  OrderedJson out{{"picture", r.picture}, {"path", r.path}, {"line", r.line}, {"seed", r.seed}};
  if (!r.error.empty()) {
    out["error"] = r.error;
  } else {
    out["width"] = r.width;
    out["height"] = r.height;
    out["sha256"] = r.sha256;
    r.was_there ? out["was_there"] = true : out["seconds"] = r.seconds;
  }
  return out.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string table_line(const PictureRecord& r) {
  return fmt::format("{},{},{},{},{},{},{:.3f},{},{},{}", r.picture, csv_cell(r.path), csv_cell(r.line), r.seed,
                     r.width, r.height, r.seconds, r.sha256, r.was_there, csv_cell(r.error));
}

PictureRecord record_of(const Json& json, const std::string& where) {
  const auto text = [&](const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  PictureRecord out;
  out.picture = whole_number<size_t>(json.at("picture"), where + ": picture");
  out.path = text("path");
  out.line = text("line");
  out.sha256 = text("sha256");
  out.error = text("error");
  for (const auto& [key, into] : {std::pair{"width", &out.width}, {"height", &out.height}})
    if (json.contains(key)) *into = whole_number<int64_t>(json[key], where);
  if (json.contains("seed")) out.seed = whole_number<uint64_t>(json["seed"], where + ": seed");
  if (json.contains("seconds") && json["seconds"].is_number()) out.seconds = json["seconds"].get<double>();
  out.was_there = json.contains("was_there") && json["was_there"] == true;
  return out;
}

RunFacts run_of(const Json& json, const std::string& where) {
  RunFacts out;
  const Json& run = json.at("run");
  out.pictures = whole_number<size_t>(run.at("pictures"), where + ": pictures");
  out.shard = whole_number<int64_t>(run.at("shard"), where + ": shard");
  out.shards = whole_number<int64_t>(run.at("shards"), where + ": shards");
  constexpr size_t kMostPictures = 100'000'000;
  if (out.pictures > kMostPictures || out.shard < 1 || out.shard > out.shards)
    fail(ErrorKind::BadFile, "{}: no sensible run", where);
  out.engine = run.value("engine", "");
  out.precision = run.value("precision", "");
  out.precision_policy = run.value("precision_policy", "");
  return out;
}

struct Report {
  RunFacts run;
  std::vector<PictureRecord> records;
};

Report read_report(const fs::path& path) {
  Report out;
  bool has_run = false;
  for_each_line(read_file(path, kMaxReportBytes), [&](std::string_view line, size_t number) {
    if (line.empty()) return;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    try {
      const Json json = parse_json(line, where);
      if (json.is_object() && json.contains("run")) {
        out.run = run_of(json, where);
        has_run = true;
      } else if (json.is_object() && json.contains("picture")) {
        out.records.push_back(record_of(json, where));
      }
    } catch (const Json::exception&) {
      fail(ErrorKind::BadFile, "{}: not a line of a report", where);
    }
  });
  if (!has_run)
    fail_with_hint(ErrorKind::BadFile, "newbie generate --report FILE.jsonl writes one", "{}: no report of a run",
                   path.string());
  return out;
}

// Where a picture of a report is: as it says, or beside it when the folder was copied.
std::optional<fs::path> place_of(const PictureRecord& record, const fs::path& report) {
  std::error_code ignored;
  const fs::path said(record.path);
  for (const fs::path& path : {said, report.parent_path() / said.filename(), report.parent_path() / said})
    if (fs::is_regular_file(path, ignored)) return path;
  return std::nullopt;
}

std::string sha256_of_file(const fs::path& path) {
  const std::string bytes = read_file(path, kMaxCheckedBytes);
  return sha256_of(std::as_bytes(std::span(bytes)));
}

void check_file(const PictureRecord& record, const fs::path& report, std::vector<std::string>& problems) {
  const auto place = place_of(record, report);
  if (!place)
    problems.push_back(fmt::format("picture {}: {} is not there", record.picture, record.path));
  else if (sha256_of_file(*place) != record.sha256)
    problems.push_back(fmt::format("picture {}: {} is not the file of the report", record.picture, place->string()));
}

void check_same_run(const RunFacts& first, const RunFacts& other, const fs::path& report,
                    std::vector<std::string>& problems) {
  const auto differ = [&](const char* what, const auto& a, const auto& b) {
    if (a != b) problems.push_back(fmt::format("{}: {} {}, others have {}", report.string(), what, b, a));
  };
  differ("pictures of the run:", first.pictures, other.pictures);
  differ("shards:", first.shards, other.shards);
  differ("engine version", first.engine, other.engine);
  differ("precision", first.precision, other.precision);
  if (first.precision == other.precision && first.precision_policy != other.precision_policy)
    problems.push_back(fmt::format("{}: another --precision-policy", report.string()));
}

}  // namespace

ListReport::ListReport(fs::path path, const RunFacts& run)
    : path_(std::move(path)), is_table_(path_.extension() == ".csv") {
  if (path_.empty()) return;
  file_.open(path_, std::ios::binary | std::ios::trunc);
  write(is_table_ ? std::string(kTableHead, std::string_view(kTableHead).size() - 1) : run_line(run));
}

void ListReport::write(const std::string& line) {
  if (path_.empty()) return;
  errno = 0;
  file_ << line << '\n' << std::flush;
  if (!file_)
    fail(ErrorKind::BadFile, "{}: cannot be written: {}", path_.string(),
         std::generic_category().message(errno != 0 ? errno : EIO));
}

void ListReport::add(const PictureRecord& record) {
  ++(!record.error.empty() ? failed_ : record.was_there ? there_ : drawn_);
  write(is_table_ ? table_line(record) : json_line(record));
}

void ListReport::finish() {
  if (is_table_) return;
  write(OrderedJson{{"summary", {{"drawn", drawn_}, {"was_there", there_}, {"failed", failed_}}}}.dump());
}

MergedReport merge_reports(const std::vector<fs::path>& reports, bool check_files) {
  MergedReport out;
  bool is_first = true;
  for (const fs::path& path : reports) {
    const Report report = read_report(path);
    if (is_first)
      out.run = report.run;
    else
      check_same_run(out.run, report.run, path, out.problems);
    is_first = false;
    std::map<size_t, PictureRecord> own;  // a later line of one report is right: a failure may have been drawn again
    for (const PictureRecord& record : report.records) own[record.picture] = record;
    for (const auto& [picture, record] : own) {
      if (picture >= report.run.pictures) {
        out.problems.push_back(fmt::format("{}: picture {} of {}", path.string(), picture, report.run.pictures));
        continue;
      }
      if (!record.error.empty()) {
        out.problems.push_back(fmt::format("picture {} failed: {}", picture, record.error));
        continue;
      }
      if (check_files) check_file(record, path, out.problems);
      const auto [known, is_new] = out.records.emplace(picture, record);
      if (!is_new && known->second.sha256 != record.sha256)
        out.problems.push_back(fmt::format("picture {}: two reports have different files of it", picture));
    }
  }
  for (size_t k = 0; k < out.run.pictures; ++k)
    if (!out.records.contains(k)) out.missing.push_back(k);
  return out;
}

void write_report(const fs::path& path, const MergedReport& merged) {
  const bool is_table = path.extension() == ".csv";
  RunFacts run = merged.run;
  run.shard = run.shards = 1;
  std::string text = is_table ? kTableHead : run_line(run) + '\n';
  for (const auto& [picture, record] : merged.records)
    text += (is_table ? table_line(record) : json_line(record)) + '\n';
  write_file_atomically(path, text);
}

std::string number_ranges(const std::vector<size_t>& numbers) {
  std::string out;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    out += (out.empty() ? "" : ", ") + std::to_string(numbers[i]);
    if (end - i > 1) out += "-" + std::to_string(numbers[end - 1]);
    i = end;
  }
  return out;
}

}  // namespace newbie
