// Requests as JSON, and back: an object with fields by the names of request_fields.h.
#pragma once

#include <functional>

#include "generate/request_fields.h"

namespace newbie {

// What a picture's text in JSON stands for: a file's name, base64, as the door that took the JSON has it. Throws Error.
using PictureReader = std::function<Image(const RequestField& field, const std::string& text)>;
// The text for a picture, in whatever form the reader of the JSON expects.
using PictureWriter = std::function<std::string(const RequestField& field, const Image& picture)>;

// `base` with what `json` says instead; null stands for the default. Error{InvalidRequest} with the field: unknown
// (with the nearest name), said twice under two names, of another type, out of range; Error{Unsupported} for a picture
// without a reader. What hangs on several fields is left to check_request().
GenerateRequest request_from_json(const OrderedJson& json, GenerateRequest base = {}, const PictureReader& read = {});

// Every field. Reading it back gives the same request, pictures by the grace of both functions; a picture without a
// writer is Error{Unsupported}.
OrderedJson request_to_json(const GenerateRequest& request, const PictureWriter& write = {});

}  // namespace newbie
