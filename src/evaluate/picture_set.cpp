#include "evaluate/picture_set.h"

#include <algorithm>
#include <set>

#include "core/files.h"
#include "core/json.h"
#include "core/lines.h"
#include "generate/init_picture.h"
#include "generate/recall.h"
#include "image/flatten.h"
#include "image/picture_format.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxCaptionsBytes = size_t{256} << 20, kMaxCaptionBytes = size_t{1} << 20;
constexpr std::string_view kNameKeys[] = {"file", "file_name", "image"};

bool is_caption_file(const fs::path& path) {
  const fs::path extension = path.extension();
  return extension == ".txt" || extension == ".jsonl" || extension == ".json";
}

// What is wrong with a file, as against what is wrong with the work.
bool is_of_the_file(ErrorKind kind) {
  return kind == ErrorKind::BadFile || kind == ErrorKind::Unsupported || kind == ErrorKind::InvalidRequest;
}

const std::string* text_in(const Json& line, std::string_view key) {
  const auto it = line.find(key);
  return it != line.end() && it->is_string() ? it->get_ptr<const std::string*>() : nullptr;
}

}  // namespace

PictureList list_pictures(const fs::path& path) {
  std::error_code error;
  PictureList out{.where = path, .files = {}};
  if (fs::is_regular_file(path, error)) {
    out.files.push_back(path);
    return out;
  }
  for (const fs::path& file : list_folder(path, error)) {
    if (std::error_code ignored; !fs::is_regular_file(file, ignored)) continue;
    if (format_of_name(file))
      out.files.push_back(file);
    else if (!is_caption_file(file))
      ++out.others;
  }
  if (error) fail(ErrorKind::BadFile, "{}: expected pictures or a folder of them: {}", path.string(), error.message());
  if (out.files.empty())
    fail_with_hint(ErrorKind::BadFile, fmt::format("pictures are files that end in {}", kPictureExtensions),
                   "{}: no pictures", path.string());
  std::ranges::sort(out.files);
  return out;
}

Image read_rgb(const fs::path& file, size_t most_bytes) {
  return flatten(read_picture(file, {.max_memory_bytes = most_bytes}).image, 255);
}

ExtractedSet extract_set(const PictureList& pictures, ImageExtractor& extractor, const Watch& watch,
                         size_t memory_bytes) {
  ExtractedSet out{.features = {.columns = extractor.dimension(), .values = {}}};
  std::vector<float> row(extractor.dimension());
  for (size_t i = 0; i < pictures.files.size(); ++i) {
    watch.stop.throw_if_stopped();
    const fs::path& file = pictures.files[i];
    try {
      const Image picture = read_rgb(file, memory_left_for_pictures(memory_bytes));
      extractor.extract(picture, row, watch.stop);
      out.not_square += picture.width != picture.height ? 1 : 0;
      out.features.values.insert(out.features.values.end(), row.begin(), row.end());
      out.files.push_back(file);
    } catch (const Error& e) {
      if (!is_of_the_file(e.kind())) throw;
      out.unreadable.push_back({file, e.message()});
    }
    watch.on_item(i + 1, pictures.files.size());
  }
  if (out.files.empty())
    fail(ErrorKind::BadFile, "{}: not one of {} pictures can be read; the first: {}", pictures.where.string(),
         pictures.files.size(), out.unreadable.front().why);
  return out;
}

PicturePairs pair_pictures(const PictureList& a, const PictureList& b) {
  const auto is_file = [](const PictureList& list) { return list.files.size() == 1 && list.files[0] == list.where; };
  if (is_file(a) && is_file(b)) return {.pairs = {{a.files[0], b.files[0]}}, .alone = {}};
  std::map<std::string, fs::path> others;
  for (const fs::path& file : b.files) others[file.filename().string()] = file;
  PicturePairs out;
  for (const fs::path& file : a.files) {
    const auto other = others.find(file.filename().string());
    if (other == others.end()) {
      out.alone.push_back(file.string());
      continue;
    }
    out.pairs.push_back({file, other->second});
    others.erase(other);
  }
  for (const auto& [name, file] : others) out.alone.push_back(file.string());
  if (out.pairs.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "pairs are pictures of the same file name",
                   "{} and {} have no pairs among {} and {} pictures", a.where.string(), b.where.string(),
                   a.files.size(), b.files.size());
  return out;
}

Captions read_captions(const fs::path& jsonl, const std::string& key) {
  const std::string text = read_file(jsonl, kMaxCaptionsBytes);
  Captions out;
  for_each_line(text, [&](std::string_view line, size_t number) {
    if (line.find_first_not_of(" \t") == line.npos) return;
    const std::string where = fmt::format("{}:{}", jsonl.string(), number);
    const Json json = parse_json(line, where);
    if (!json.is_object()) fail(ErrorKind::BadFile, "{}: expected an object, got {}", where, json.type_name());
    const std::string *name = nullptr, *caption = key.empty() ? nullptr : text_in(json, key);
    for (const std::string_view k : kNameKeys) name = name != nullptr ? name : text_in(json, k);
    if (key.empty())
      for (const std::string_view k : kCaptionKeys) caption = caption != nullptr ? caption : text_in(json, k);
    if (name == nullptr) fail(ErrorKind::BadFile, "{}: no file name in \"file\", \"file_name\" or \"image\"", where);
    if (caption == nullptr)
      fail(ErrorKind::BadFile, "{}: no text in {}", where, key.empty() ? "any known key" : '"' + key + '"');
    if (!out.emplace(*name, *caption).second) fail(ErrorKind::BadFile, "{}: a second line for {}", where, *name);
  });
  if (out.empty()) fail(ErrorKind::BadFile, "{}: no captions", jsonl.string());
  return out;
}

std::optional<std::string> caption_of(const fs::path& picture, const Captions& captions) {
  std::string text;
  fs::path beside = picture;
  beside.replace_extension(".txt");
  std::error_code ignored;
  if (const auto given = captions.find(picture.filename().string()); given != captions.end()) {
    text = given->second;
  } else if (fs::is_regular_file(beside, ignored)) {
    text = read_file(beside, kMaxCaptionBytes);
    if (text.ends_with('\n')) text.pop_back();
  } else if (const auto request = recall(read_picture_texts(picture).texts, picture.string())) {
    if (const std::string* prompt = request->find("prompt")) text = *prompt;
  }
  return text.empty() ? std::nullopt : std::optional(text);
}

CaptionedSet extract_captioned(PictureList pictures, const Captions& captions, JinaExtractor& extractor,
                               const Watch& watch, size_t memory_bytes) {
  CaptionedSet out;
  std::map<fs::path, std::string> texts;
  std::vector<Unreadable> unreadable;
  std::erase_if(pictures.files, [&](const fs::path& file) {
    try {
      if (const auto text = caption_of(file, captions)) {
        texts[file] = *text;
        return false;
      }
      out.uncaptioned.push_back(file);
    } catch (const Error& e) {
      if (!is_of_the_file(e.kind())) throw;
      unreadable.push_back({file, e.message()});
    }
    return true;
  });
  if (texts.empty())
    fail_with_hint(ErrorKind::BadFile, "`captions` in a .jsonl, name.txt beside name.png, or pictures drawn by newbie",
                   "{}: no picture has a caption", pictures.where.string());
  out.images = extract_set(pictures, extractor, watch, memory_bytes);
  out.images.unreadable.insert(out.images.unreadable.end(), unreadable.begin(), unreadable.end());
  std::vector<std::string> in_order;
  for (const fs::path& file : out.images.files) in_order.push_back(texts.at(file));
  JinaExtractor::TextFeatures read = extractor.extract_texts(in_order, watch);
  out.texts = std::move(read.features);
  out.cut = read.cut;
  return out;
}

}  // namespace newbie
