#include "lists/field_grid.h"

#include <algorithm>

#include "core/error.h"
#include "generate/request_fields.h"

namespace newbie {

namespace {

constexpr size_t kMostPlaces = 4096;

const RequestField& field_called(const std::string& flag, std::string name) {
  const RequestField* field = find_request_field_by_flag(name);
  if (field == nullptr) {
    std::ranges::replace(name, '-', '_');
    field = find_request_field(name);
  }
  if (field == nullptr)
    fail_with_hint(ErrorKind::InvalidRequest, nearest_request_field(name), "{}: a request has no field {}", flag, name);
  if (!field->in_lists || field->name == "batch")
    fail(ErrorKind::InvalidRequest, "{}: {} cannot differ between the pictures of a grid", flag, field->name);
  return *field;
}

}  // namespace

std::vector<std::string> FieldAxis::labels() const {
  std::vector<std::string> out;
  for (const std::string& value : values) out.push_back(name + " " + value);
  return out;
}

FieldAxis parse_field_axis(const std::string& flag, const std::string& given) {
  const size_t equals = given.find('=');
  if (equals == given.npos || equals == 0 || equals + 1 == given.size())
    fail(ErrorKind::InvalidRequest, "{}: expected FIELD=A,B,C, as in steps=10,20,28, got {}", flag, given);
  const RequestField& field = field_called(flag, given.substr(0, equals));
  FieldAxis out{.name = std::string(field.name), .values = {}};
  const std::string_view list = std::string_view(given).substr(equals + 1);
  const char separator = list.find(';') == list.npos ? ',' : ';';
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(separator, begin), list.size());
    std::string_view value = list.substr(begin, end - begin);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    if (field.kind == FieldKind::Seed && value == "-1")
      fail(ErrorKind::InvalidRequest, "{}: a random seed has no place in a grid", flag);
    value_of_words(field, value);  // refuses what is none
    out.values.emplace_back(value);
    begin = end + 1;
  }
  if (out.values.size() > kMostPlaces)
    fail(ErrorKind::InvalidRequest, "{}: expected at most {} values, got {}", flag, kMostPlaces, out.values.size());
  return out;
}

std::vector<ListedRequest> grid_requests(const std::optional<FieldAxis>& x, const std::optional<FieldAxis>& y,
                                         PictureArguments& arguments) {
  if (x && y && x->name == y->name)
    fail(ErrorKind::InvalidRequest, "--grid-x and --grid-y: expected two fields, got {} twice", x->name);
  if ((x ? x->values.size() : 1) * (y ? y->values.size() : 1) > kMostPlaces)
    fail(ErrorKind::InvalidRequest, "--grid-x, --grid-y: expected at most {} pictures", kMostPlaces);
  std::vector<ListedRequest> out;
  const auto set = [](GenerateRequest& request, const FieldAxis& axis, size_t at, std::string& where) {
    const RequestField& field = request_field(axis.name);
    for (const std::string_view other : field.instead_of) {
      const RequestField& taken_back = request_field(other);
      taken_back.set(request, taken_back.get(GenerateRequest()));
    }
    field.set(request, value_of_words(field, axis.values[at]));
    where += (where.empty() ? "" : ", ") + axis.labels()[at];
  };
  for (size_t row = 0; row < (y ? y->values.size() : 1); ++row)
    for (size_t column = 0; column < (x ? x->values.size() : 1); ++column) {
      ListedRequest one{.where = "", .request = arguments.request};
      if (x) set(one.request, *x, column, one.where);
      if (y) set(one.request, *y, row, one.where);
      resolve_prompts(arguments, one.request);
      check_request(one.request);
      out.push_back(std::move(one));
    }
  return out;
}

}  // namespace newbie
