#include "text/tokenizer_json.h"

#include "core/error.h"
#include "text/tokenizer_limits.h"

namespace newbie {
namespace {

bool is_on(const Json& object, const char* key) {
  const Json* value = find_setting(object, key);
  return value && !(value->is_boolean() && !value->get<bool>());
}

}  // namespace

const Json* find_setting(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found != object.end() && !found->is_null() ? &*found : nullptr;
}

const Json& require_member(const Json& object, const char* key, std::string_view where) {
  const Json* found = find_setting(object, key);
  if (!found) fail(ErrorKind::BadFile, "{}: not a tokenizer.json: \"{}\" is missing", where, key);
  return *found;
}

const std::string& require_string(const Json& value, std::string_view what, std::string_view where) {
  if (!value.is_string()) {
    fail(ErrorKind::BadFile, "{}: {} is {}, expected a string", where, what, value.type_name());
  }
  return value.get_ref<const std::string&>();
}

const Json& require_array(const Json& value, std::string_view what, std::string_view where) {
  if (!value.is_array()) fail(ErrorKind::BadFile, "{}: {} is {}, expected a list", where, what, value.type_name());
  return value;
}

int32_t require_id(const Json& value, std::string_view what, std::string_view where) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= kMaxVocabulary) {
    fail(ErrorKind::BadFile, "{}: the id of {} is no whole number below {}", where, what, kMaxVocabulary);
  }
  return static_cast<int32_t>(value.get<uint64_t>());
}

std::u32string require_piece(const std::string& text, std::string_view where) {
  if (text.empty() || text.size() > kMaxPieceBytes) {
    fail(ErrorKind::BadFile, "{}: a piece of {} bytes, expected 1 to {}", where, text.size(), kMaxPieceBytes);
  }
  std::optional<std::u32string> out = to_code_points(text);
  if (!out) fail(ErrorKind::BadFile, "{}: a piece is not UTF-8", where);
  return std::move(*out);
}

const Json& require_model(const Json& root, std::string_view type, std::string_view where) {
  const Json& model = require_member(root, "model", where);
  const std::string& got = require_string(require_member(model, "type", where), "the model type", where);
  if (got != type) fail(ErrorKind::BadFile, "{}: tokenizer model is \"{}\", expected \"{}\"", where, got, type);
  return model;
}

void refuse_setting(std::string_view what, const Json& value, std::string_view where) {
  std::string shown = value.dump();
  if (shown.size() > 120) shown = value.type_name();  // cutting it short could split a character
  fail(ErrorKind::Unsupported, "{}: {} {} is not known for this kind of tokenizer", where, what, shown);
}

std::vector<AddedToken> read_added_tokens(const Json& root, std::string_view where) {
  std::vector<AddedToken> out;
  const Json* list = find_setting(root, "added_tokens");
  if (!list) return out;
  for (const Json& entry : require_array(*list, "added_tokens", where)) {
    const std::string& content =
        require_string(require_member(entry, "content", where), "the content of an added token", where);
    for (const char* key : {"single_word", "rstrip"}) {
      if (is_on(entry, key)) refuse_setting("added token", entry, where);
    }
    out.push_back({.content = require_piece(content, where),
                   .id = require_id(require_member(entry, "id", where), "an added token", where),
                   .strips_left = is_on(entry, "lstrip"),
                   .normalized = is_on(entry, "normalized")});
  }
  return out;
}

SequenceTemplate read_template(const Json& root, std::string_view where) {
  const Json& processor = require_member(root, "post_processor", where);
  if (require_member(processor, "type", where) != "TemplateProcessing") {
    refuse_setting("post_processor", processor, where);
  }
  const Json& specials = require_member(processor, "special_tokens", where);
  SequenceTemplate out;
  bool seen_text = false;
  for (const Json& item : require_array(require_member(processor, "single", where), "the template", where)) {
    if (find_setting(item, "Sequence")) {
      if (seen_text) fail(ErrorKind::BadFile, "{}: the template holds the text twice", where);
      seen_text = true;
      continue;
    }
    const std::string& name = require_string(require_member(require_member(item, "SpecialToken", where), "id", where),
                                             "a special token", where);
    const Json& ids = require_member(require_member(specials, name.c_str(), where), "ids", where);
    for (const Json& id : require_array(ids, "the ids of a special token", where)) {
      (seen_text ? out.after : out.before).push_back(require_id(id, "a special token", where));
    }
  }
  if (!seen_text) fail(ErrorKind::BadFile, "{}: the template leaves out the text", where);
  return out;
}

}  // namespace newbie
