#include "serve/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/files.h"
#include "core/json.h"
#include "serve/job_id.h"
#include "serve/picture_kind.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

constexpr int kVersion = 1;
constexpr size_t kMostRecordBytes = size_t{256} << 20;   // requests hold pictures
constexpr size_t kMostPictureBytes = size_t{512} << 20;  // as image/picture_format.cpp reads
constexpr const char* kRecordExtension = ".json";

OrderedJson picture_record(const JobPicture& p) {
  return {{"seed", std::to_string(p.seed)}, {"width", p.width},   {"height", p.height},
          {"file_bytes", p.file_bytes},     {"sha256", p.sha256}, {"parameters", p.parameters},
          {"request", p.request_json}};
}

JobPicture picture_of(const Json& json) {
  JobPicture p;
  const std::string seed = json.at("seed").get<std::string>();  // text: other readers' numbers end at 2^53
  const auto [end, problem] = std::from_chars(seed.data(), seed.data() + seed.size(), p.seed);
  if (problem != std::errc() || end != seed.data() + seed.size())
    fail(ErrorKind::BadFile, "seed: expected a whole number, got '{}'", seed);
  get_whole_number(json, "width", p.width);
  get_whole_number(json, "height", p.height);
  get_whole_number(json, "file_bytes", p.file_bytes);
  p.sha256 = json.value("sha256", std::string());
  p.parameters = json.at("parameters").get<std::string>();
  p.request_json = json.at("request").get<std::string>();
  return p;
}

ErrorKind error_kind_of(std::string_view name) {
  for (const ErrorKind kind : {ErrorKind::InvalidRequest, ErrorKind::BadFile, ErrorKind::Unsupported,
                               ErrorKind::OverBudget, ErrorKind::Cancelled})
    if (to_string(kind) == name) return kind;
  return ErrorKind::Internal;
}

OrderedJson record_json(const JobRecord& record) {
  const JobView& v = record.view;
  OrderedJson pictures = OrderedJson::array();
  for (const JobPicture& picture : v.pictures) pictures.push_back(picture_record(picture));
  OrderedJson out{{"version", kVersion},
                  {"id", v.id},
                  {"owner", v.owner},
                  {"origin", v.origin},
                  {"client_id", v.client_id},
                  {"state", to_string(v.state)},
                  {"created", v.times.created},
                  {"started", v.times.started},
                  {"ended", v.times.ended},
                  {"format", kind_of(v.format).name},
                  {"quality", record.quality},
                  {"precision", v.precision},
                  {"warnings", v.warnings},
                  {"pictures", pictures},
                  {"request", v.text ? *v.text : std::string()}};
  if (v.error)
    out["error"] = {{"kind", to_string(v.error->kind())}, {"message", v.error->message()}, {"hint", v.error->hint()}};
  return out;
}

JobRecord record_of(const Json& json) {
  JobRecord record;
  JobView& v = record.view;
  if (whole_number<int>(json.at("version"), "version") != kVersion)
    fail(ErrorKind::BadFile, "expected version {}", kVersion);
  v.id = json.at("id").get<std::string>();
  if (!is_job_id(v.id)) fail(ErrorKind::BadFile, "'{}' is no id of a job", v.id);
  v.owner = json.at("owner").get<std::string>();
  v.origin = json.at("origin").get<std::string>();
  v.client_id = json.at("client_id").get<std::string>();
  const std::optional<JobState> state = job_state_of(json.at("state").get<std::string>());
  const std::optional<PictureFormat> format = picture_format_of(json.at("format").get<std::string>());
  if (!state || !format) fail(ErrorKind::BadFile, "an unknown state or format");
  v.state = *state;
  v.format = *format;
  v.times = {json.at("created").get<double>(), json.at("started").get<double>(), json.at("ended").get<double>()};
  get_whole_number(json, "quality", record.quality);
  v.precision = json.value("precision", std::string());  // records before it have none
  v.warnings = json.at("warnings").get<std::vector<std::string>>();
  for (const Json& picture : json.at("pictures")) v.pictures.push_back(picture_of(picture));
  v.text = std::make_shared<const std::string>(json.at("request").get<std::string>());
  if (const auto error = json.find("error"); error != json.end())
    v.error = Error(error_kind_of(error->at("kind").get<std::string>()), error->at("message").get<std::string>(),
                    error->at("hint").get<std::string>());
  return record;
}

JobRecord read_record(const std::filesystem::path& path) {
  const Json json = parse_json(read_file(path, kMostRecordBytes), path.string());
  try {
    JobRecord record = record_of(json);
    if (record.view.id + kRecordExtension != path.filename())
      fail(ErrorKind::BadFile, "it is the record of {}", record.view.id);
    return record;
  } catch (const Json::exception& error) {
    fail(ErrorKind::BadFile, "{}: {}", path.string(), error.what());
  } catch (const Error& error) {
    fail(ErrorKind::BadFile, "{}: {}", path.string(), error.message());
  }
}

}  // namespace

Journal::Journal(const std::filesystem::path& folder) : folder_(folder) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) fail(ErrorKind::BadFile, "{}: {}", folder_.string(), error.message());
  const std::string path = (folder_ / "lock").string();
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) fail(ErrorKind::BadFile, "{}: {}", path, std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  ::close(lock_);
  if (reason != EWOULDBLOCK) fail(ErrorKind::BadFile, "{}: {}", path, std::strerror(reason));
  fail_with_hint(ErrorKind::BadFile, "give each server a folder of its own", "{}: another server keeps its jobs there",
                 folder_.string());
}

Journal::~Journal() { ::close(lock_); }

std::filesystem::path Journal::record_path(const std::string& id) const { return folder_ / (id + kRecordExtension); }

std::filesystem::path Journal::picture_path(const std::string& id, size_t index, PictureFormat format) const {
  return folder_ / fmt::format("{}.{}{}", id, index, kind_of(format).extension);
}

std::vector<JobRecord> Journal::read(Log& log) const {
  std::error_code error;
  std::vector<JobRecord> out;
  for (const std::filesystem::path& path : list_folder(folder_, error)) {
    if (path.extension() != kRecordExtension) continue;
    try {
      out.push_back(read_record(path));
    } catch (const Error& damage) {
      log.warn("left alone: {}", damage.message());
    }
  }
  if (error) log.warn("{}: {}", folder_.string(), error.message());
  std::sort(out.begin(), out.end(), [](const JobRecord& a, const JobRecord& b) {
    return std::pair(a.view.times.created, a.view.id) < std::pair(b.view.times.created, b.view.id);
  });
  return out;
}

void Journal::write(const JobRecord& record) {
  write_file_atomically(record_path(record.view.id),
                        record_json(record).dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

void Journal::write_picture(const std::string& id, size_t index, PictureFormat format,
                            std::span<const std::byte> bytes) {
  write_file_atomically(picture_path(id, index, format), bytes);
}

std::vector<std::byte> Journal::read_picture(const std::string& id, size_t index, PictureFormat format,
                                             const JobPicture& written) const {
  const std::string path = picture_path(id, index, format).string();
  const std::string text = read_file(path, kMostPictureBytes);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  if (bytes.size() != written.file_bytes || (!written.sha256.empty() && sha256_of(bytes) != written.sha256))
    fail(ErrorKind::BadFile, "{}: not what was written there", path);
  return {bytes.begin(), bytes.end()};
}

// The record last: pictures without a record would be there for ever. One picture more than the record knows may have
// been written before the process ended.
void Journal::remove(const JobView& job) {
  std::error_code ignored;
  for (size_t i = 0; i <= job.pictures.size(); ++i)
    std::filesystem::remove(picture_path(job.id, i, job.format), ignored);
  std::filesystem::remove(record_path(job.id), ignored);
}

}  // namespace newbie
