// The table of a request's fields. Whatever knows a field by name reads it here: JSON (request_json.h), flags and their
// help, profiles, lists of prompts, texts in pictures, the C interface.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/named.h"
#include "generate/request.h"

namespace newbie {

enum class FieldKind {
  Text,
  Truth,
  Integer,
  Seed,      // a whole number from 0 to 2^64 - 1; -1 is a random one
  Real,      // finite
  Reals,     // a list of them
  Choice,    // one of `words`
  Picture,   // in JSON a text, which the caller's PictureReader knows how to read
  Adapters,  // a list of {"name": …, "strength": …}
};
std::span<const Named<FieldKind>> field_kinds();  // "text", "truth", …

// When a picture says the field.
enum class Recorded { Always, IfUsed, IfChanged, Never };

// Where a field stands in help texts and forms.
enum class FieldGroup { Prompt, Picture, WhileDrawing, FromAPicture, Sampling };
std::span<const Named<FieldGroup>> field_groups();  // "Prompt", "Picture", …

struct RequestField {
  std::string_view name;                           // in JSON, in errors, in pictures; snake_case
  std::vector<std::string_view> other_names = {};  // taken in JSON, too
  FieldKind kind = FieldKind::Text;                // set by the maker of the row, like what stands at the end

  // The words of a command line: long name without dashes, one letter or 0, what stands for the value in help.
  std::string_view flag;
  char letter = 0;
  std::string_view value = {};
  std::string_view implied = {};  // what the flag means without a value; empty: it needs one

  FieldGroup group = FieldGroup::Sampling;
  std::string help;             // what it does; lines end where a reader should breathe
  std::string_view unset = {};  // what the default means, where it is no value of its own: "the model's own"

  // Numbers, and each of a list: both ends included, but `least` when `above` is set. What `unset` stands for is taken,
  // too, even outside.
  double least = 0, most = 0;
  bool above = false;
  std::string_view meant_range = {};  // "0 to 1": of numbers that mean something, where more are taken
  int64_t multiple = 1;
  std::vector<std::string_view> words = {};        // of a choice: all; of a text: names it may have, among others
  std::vector<std::string_view> other_words = {};  // taken, too, and not listed
  bool words_only = false;                         // a text takes nothing else
  // The word for what other programs call it; empty: nobody's that we know.
  std::string_view (*our_word)(std::string_view) = nullptr;
  std::vector<std::string_view> instead_of = {};  // fields it makes meaningless; who gives one of them takes this back

  Recorded recorded = Recorded::Always;
  bool in_lists = true;  // of prompts: each line may say it

  // Why the field changes nothing in this request, after "does nothing": "without `hires_scale`". Empty: it counts.
  std::string (*unused)(const GenerateRequest&) = nullptr;

  std::optional<Image> GenerateRequest::*picture = nullptr;  // of a picture: where it is kept

  std::function<OrderedJson(const GenerateRequest&)> get = {};
  std::function<void(GenerateRequest&, const OrderedJson&)> set = {};  // a value that check_value() let through
};

// In the order of help texts; names and flags are unique.
std::span<const RequestField> request_fields();

const RequestField* find_request_field(std::string_view name);          // by name or other name; null: none
const RequestField& request_field(std::string_view name);               // Error{Internal} when there is none
const RequestField* find_request_field_by_flag(std::string_view flag);  // "cfg-scale"

// Error{InvalidRequest} with this field: another type, a number out of range, an unknown word.
void check_value(const RequestField& field, const OrderedJson& value);

// "above 0 to 1", "64 to 16384 in steps of 32": the numbers of a row that has some.
std::string range_words(const RequestField& field);

// "a whole number, 16 to 16384, or 0 (the model's own)": what the field takes.
std::string expected_values(const RequestField& field);

// A value written as words, as on a command line: checked. And back, one text for each time a flag is given.
OrderedJson value_of_words(const RequestField& field, std::string_view words);
std::vector<std::string> words_of_value(const RequestField& field, const OrderedJson& value);

void set_field(const RequestField& field, GenerateRequest& request, const OrderedJson& value);  // checked first
bool is_default(const RequestField& field, const GenerateRequest& request);

// Fields that were changed and change nothing: "`strength` does nothing without `init_image`". A sentence each.
std::vector<std::string> unused_fields(const GenerateRequest& request);

// All rows with their facts, for programs that make a form of them.
OrderedJson describe_request_fields();

// "did you mean `steps`?", or "here it is `steps`" of another program's name, or "".
std::string nearest_request_field(std::string_view name);

}  // namespace newbie
