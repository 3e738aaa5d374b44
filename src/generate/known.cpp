#include "generate/known.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/utf8.h"

namespace newbie {

namespace {

constexpr size_t kMaxKnownBytes = size_t{1} << 20;

KnownThings known_of(const OrderedJson& json) {
  if (json.at("format") != 1) throw std::runtime_error("its format is not 1");
  KnownThings out;
  for (const OrderedJson& size : json.value("sizes", OrderedJson::array()))
    out.sizes.push_back({size.at(0).get<int64_t>(), size.at(1).get<int64_t>()});
  const OrderedJson words = json.value("words", OrderedJson::object());
  for (const auto& [kind, list] : words.items()) out.words.emplace_back(kind, list.get<std::vector<std::string>>());
  return out;
}

// "Blue hair " as "blue_hair"; empty for more words than a tag has.
std::string as_tag(std::string_view piece) {
  constexpr std::ptrdiff_t kMostWords = 3;
  const size_t begin = std::min(piece.find_first_not_of(" \t"), piece.size());
  piece = piece.substr(begin, std::min(piece.find_last_not_of(" \t") + 1, piece.size()) - begin);
  std::string out;
  for (const char c : piece) out += c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::ranges::count(piece, ' ') < kMostWords ? out : "";
}

std::string size_words(PictureSize size) { return fmt::format("{}x{}", size.width, size.height); }

}  // namespace

std::optional<KnownThings> read_known(const std::filesystem::path& model_folder) {
  const std::filesystem::path path = model_folder / "known.json";
  std::error_code ignored;
  if (model_folder.empty() || !std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  const OrderedJson json = parse_ordered_json(read_file(path, kMaxKnownBytes), path.string());
  try {
    return known_of(json);
  } catch (const std::exception& e) {
    fail(ErrorKind::BadFile, "{}: not a list of what a model knows: {}", path.string(), e.what());
  }
}

std::vector<std::string> unknown_tags(const KnownThings& known, std::string_view prompt) {
  std::set<std::string, std::less<>> words;
  for (const auto& [kind, list] : known.words) words.insert(list.begin(), list.end());
  std::vector<std::string> out;
  bool in_element = false;  // between < and >
  std::string piece;
  const auto end_piece = [&] {
    if (const std::string tag = as_tag(piece); !tag.empty() && words.insert(tag).second) out.push_back(tag);
    piece.clear();
  };
  for (const char c : prompt) {
    if (c == '<' || c == '>' || c == ',' || c == '\n') {
      if (!in_element) end_piece();
      in_element = c == '<' || (in_element && c != '>');
    } else if (!in_element) {
      piece += c;
    }
  }
  if (!in_element) end_piece();
  return out;
}

std::vector<std::string> notes_on_known(const KnownThings& known, const GenerateRequest& request, PictureSize size) {
  std::vector<std::string> out;
  if (const std::vector<std::string> tags = unknown_tags(known, request.prompt);
      !known.words.empty() && !tags.empty()) {
    constexpr size_t kMostTold = 5, kLongest = 60;  // a tag may be a megabyte
    std::string list;
    for (size_t i = 0; i < std::min(tags.size(), kMostTold); ++i)
      list += (i > 0 ? ", " : "") + beginning_of(tags[i], kLongest);
    out.push_back(fmt::format("this model never learned: {}{}", list, tags.size() > kMostTold ? " …" : ""));
  }
  const auto is_size = [&](PictureSize s) { return s.width == size.width && s.height == size.height; };
  if (!known.sizes.empty() && std::ranges::none_of(known.sizes, is_size)) {
    std::string list;
    for (const PictureSize& s : known.sizes) list += (list.empty() ? "" : " and ") + size_words(s);
    out.push_back(
        fmt::format("this model learned pictures of {}; at {} it repeats or leaves out parts", list, size_words(size)));
  }
  return out;
}

}  // namespace newbie
