#include "train/captions.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/lines.h"
#include "text/plain_text.h"
#include "text/trim.h"
#include "text/utf8.h"

namespace newbie {

namespace {

constexpr size_t kMostCaption = size_t{1} << 20, kMostRows = size_t{256} << 20;
constexpr const char* kCaptionKeys[] = {"caption", "xml", "prompt", "text", "super_high_quality_caption"};
constexpr const char* kFileKeys[] = {"file", "file_name", "image", "image_path", "path"};

constexpr std::string_view kSpace = " \t\r\n\v\f";

std::string from_latin1(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

// Without what other systems put around and between the words.
std::string words(const std::string& bytes) {
  return std::string(trim(plain_text(find_invalid_utf8(bytes) ? from_latin1(bytes) : bytes), kSpace));
}

template <size_t N>
std::optional<std::string> member(const Json& object, const char* const (&keys)[N], const std::string& where) {
  if (!object.is_object()) fail(ErrorKind::BadFile, "{}: expected an object", where);
  for (const char* key : keys) {
    const auto at = object.find(key);
    if (at == object.end()) continue;
    if (!at->is_string()) fail(ErrorKind::BadFile, "{}: \"{}\" must be text", where, key);
    return at->get<std::string>();
  }
  return std::nullopt;
}

}  // namespace

std::map<std::string, std::string> caption_rows(const std::filesystem::path& folder) {
  std::map<std::string, std::string> out;
  std::error_code error;
  for (const auto& path : list_folder(folder, error)) {
    if (path.extension() != ".jsonl") continue;
    const std::string text = read_file(path, kMostRows);
    for_each_line(text, [&](std::string_view line, size_t number) {
      if (trim(line, kSpace).empty()) return;
      const std::string where = fmt::format("{}, line {}", path.string(), number);
      const Json row = parse_json(line, where);
      const auto file = member(row, kFileKeys, where), caption = member(row, kCaptionKeys, where);
      if (!file || !caption)
        throw Error(ErrorKind::BadFile, fmt::format("{}: a row needs a picture and its caption", where),
                    "For example {\"file\": \"a.png\", \"caption\": \"…\"}.");
      out[std::filesystem::path(*file).filename().string()] = words(*caption);
    });
  }
  return out;
}

std::optional<TrainingCaption> training_caption(const std::filesystem::path& picture,
                                                const std::map<std::string, std::string>& rows) {
  for (const char* extension : {".txt", ".xml", ".caption", ".json"}) {
    std::filesystem::path path = picture;
    path.replace_extension(extension);
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) continue;
    const std::string text = read_file(path, kMostCaption);
    if (path.extension() != ".json") return TrainingCaption{words(text), find_invalid_utf8(text).has_value()};
    const auto caption = member(parse_json(text, path.string()), kCaptionKeys, path.string());
    if (!caption) fail(ErrorKind::BadFile, "{}: no \"caption\" in it", path.string());
    return TrainingCaption{words(*caption)};
  }
  const auto row = rows.find(picture.filename().string());
  return row == rows.end() ? std::nullopt : std::optional(TrainingCaption{row->second});
}

}  // namespace newbie
