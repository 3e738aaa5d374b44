// What a text of another program says, put under our names as it is met. What has no counterpart here, and what is no
// value of the field it belongs to, becomes a note: nothing is lost without a word.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/json.h"
#include "generate/recall.h"
#include "generate/recall/brackets.h"

namespace newbie {

// A key of another program, and the field it is. Without a field: read elsewhere, or without effect on a picture here.
struct TheirKey {
  std::string_view theirs, field = {};
};

class Said {
 public:
  explicit Said(std::string source) { out_.source = std::move(source); }

  // `words` for a field; `theirs` is what the text calls it, for the note. The first value of a field stays. A
  // prompt of blanks says nothing.
  void take(std::string_view field, std::string_view words, std::string_view theirs);
  // The same of a text or number in JSON. Null and false say nothing; anything else is no value of a field.
  void take_json(std::string_view field, const OrderedJson& value, std::string_view theirs);
  // All members of an object that a table knows, and a note for each that it does not know and that says something.
  void take_members(const OrderedJson& object, std::span<const TheirKey> table);
  void lose_rest(const OrderedJson& object, std::span<const TheirKey> table);

  // Pixels. Sides that are no multiple of 16 become the nearest ones, and that is told.
  void take_size(int64_t width, int64_t height);
  void take_size(std::string_view words);      // "512x768", "(1152, 896)"
  void take_sides(const OrderedJson& object);  // its `width` and `height`

  // Names of samplers and schedules, also both in one: "DPM++ 2M Karras", "euler simple".
  void take_sampler(std::string_view name);
  void take_schedule(std::string_view name);
  // For a text that names a sampler and no schedule.
  void default_schedule(std::string_view ours);

  // `text_encoder`: its strength there, where that is another one.
  void take_adapter(std::string_view name, double strength, std::optional<double> text_encoder = std::nullopt);

  // Both prompts as a program reads them whose weights follow `rule`: if one of them has weights or brackets with
  // backslashes, both are written in our markup, with `weights`. To be called when both prompts are there.
  void rewrite_weights(BracketRule rule);

  // A picture was drawn from another one.
  void started_from_picture(std::string_view theirs);

  void note(std::string words);                                // once
  void lost(std::string_view theirs, std::string_view value);  // "theirs: value has no counterpart"

  const std::string* find(std::string_view field) const { return out_.find(field); }
  void rename(std::string_view from, std::string_view to);
  void replace(std::string_view field, std::string words);  // of a field that is there
  void forget(std::string_view field);

  Recollection done() && { return std::move(out_); }

 private:
  bool try_sampler(std::string_view name);
  bool try_schedule(std::string_view name);

  Recollection out_;
  bool has_sampler_ = false, has_schedule_ = false;  // named, if only by a name we do not know
};

// Null, false, 0 and whatever is empty.
bool says_nothing(const OrderedJson& value);

// The finite number that a text is, whatever the locale; nothing when it is none.
std::optional<double> number_of(std::string_view words);

// Up to `most` bytes of a text for a note, on one line.
std::string shortened(std::string_view text, size_t most = 60);

}  // namespace newbie
