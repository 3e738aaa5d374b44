// X/Y grids: one request drawn with every pair of values of two fields, as a list and as one labelled sheet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lists/prompt_list.h"

namespace newbie {

struct FieldAxis {
  std::string name;                         // the field's
  std::vector<std::string> values;          // as words
  std::vector<std::string> labels() const;  // "steps 10"
};

// "steps=10,20,28": a field by its name or flag, and its values; where a ";" stands among them, that parts them.
// Error{InvalidRequest} for what is no field of a list, and for a value that the field does not take.
FieldAxis parse_field_axis(const std::string& flag, const std::string& given);

// Row by row. An axis that is not there has one place. `where` of each is "steps 10, cfg 3".
std::vector<ListedRequest> grid_requests(const std::optional<FieldAxis>& x, const std::optional<FieldAxis>& y,
                                         PictureArguments& arguments);

}  // namespace newbie
